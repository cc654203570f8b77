// @ts-check
/** What a person is told when nothing more fits into a document: why, what is kept where, and how to go on. */

import { banner, copy } from "./notices.js";

/**
 * @param {import("../collab/document.js").SharedDocument} doc
 * @param {HTMLElement} notices
 */
export function showFull(doc, notices) {
  const { refused } = doc.provider;
  const isRefused = refused?.code === "history_too_large";
  const words = doc.full || (isRefused && refused ? `${refused.message[0].toUpperCase()}${refused.message.slice(1)}.` : "");
  const before = /** @type {HTMLElement | null} */ (notices.querySelector("[data-full]"));
  if ((before?.dataset.full ?? "") === words) return;
  before?.remove();
  if (!words) return;
  const kept = doc.changes > 0 ? " What you typed since is kept in this browser only." : "";
  const element = banner({
    tone: "warn",
    title: doc.full ? "This document is full" : "Not saved: this document is full",
    words: words + kept,
    actions: [{ label: "Copy the text", icon: "copy", primary: true, run: () => copy(doc.shared.toString()) }],
  });
  element.dataset.full = words;
  notices.append(element);
}
