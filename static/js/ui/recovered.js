// @ts-check
/** What an earlier tab typed and did not get stored: merged, and said; or only given back, where nobody may write. */

import { banner, copy } from "./notices.js";

/** So long after the news of a tab's end, the last that it wrote has come too. */
const SETTLED_MS = 500;

/**
 * A tab that has just crashed may still hold its lock when the next one opens, so the locks of others are waited for.
 * @param {import("../collab/document.js").SharedDocument} doc
 * @param {HTMLElement} notices
 */
export async function bringBack(doc, notices) {
  const told = new Set();
  await doc.unsaved.whenOthersEnd(() => setTimeout(() => bringBackOnce(doc, notices, told), SETTLED_MS));
  await bringBackOnce(doc, notices, told);
}

/**
 * @param {import("../collab/document.js").SharedDocument} doc
 * @param {HTMLElement} notices
 * @param {Set<string>} told the entries that were given back already
 */
async function bringBackOnce(doc, notices, told) {
  const { changes, texts: all, again } = await doc.recover();
  if (again) setTimeout(() => bringBackOnce(doc, notices, told), SETTLED_MS);
  const texts = all.filter(({ key }) => !told.has(key));
  for (const { key } of texts) told.add(key);
  if (changes > 0) {
    const back = banner({
      title: `${changes} unsaved ${changes === 1 ? "change" : "changes"} brought back`,
      words: "They were typed here before and had not reached the server. They are merged into the text.",
      actions: [
        { label: "Keep", icon: "check", primary: true, run: () => back.remove() },
        { label: "Discard", icon: "undo-2", run: () => (doc.discardRecovered(), back.remove()) },
      ],
    });
    notices.append(back);
  }
  if (texts.length > 0) {
    notices.append(banner({
      tone: "warn",
      title: "This browser keeps changes that never reached the server",
      words: "They cannot be merged into the text that is here now. Copy them, so that nothing is lost.",
      actions: [{ label: "Copy the text", icon: "copy", primary: true, run: () => give(doc, texts) }],
    }));
  }
}

/**
 * Hands the texts over; where they can never be merged any more, they need not be kept either.
 * @param {import("../collab/document.js").SharedDocument} doc
 * @param {{key: string, text: string}[]} texts
 */
async function give(doc, texts) {
  await copy(texts.map(({ text }) => text).join("\n"));
  if (!doc.readOnly) for (const { key } of texts) doc.unsaved.forget(key);
}
