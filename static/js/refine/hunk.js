// @ts-check
/** One hunk as rows: line numbers, signs, colours of the language, and marks on the words that changed. */

import { grammars, highlightCode, presentableDiff } from "../../vendor/agentsite-vendor-1.2.0.js";
import { codeHighlighter } from "../collab/editor.js";
import { h } from "../ui/dom.js";
import { tokenElement, tokensIn } from "../ui/invisible_characters.js";

/**
 * @typedef {{sign: " " | "-" | "+", text: string, old: number | null, now: number | null, marks: [number, number][]}} Row
 * @typedef {{text: string, old_start: number, new_start: number}} HunkText
 */

/** Past this many characters in one line, words are not compared. */
const LONGEST_LINE = 2_000;

/** @param {HunkText} hunk @returns {Row[]} */
export function rowsOf(hunk) {
  let old = hunk.old_start;
  let now = hunk.new_start;
  /** @type {Row[]} */
  const rows = [];
  const lines = hunk.text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  for (const line of lines) {
    const sign = /** @type {Row["sign"]} */ (line[0] === "-" || line[0] === "+" ? line[0] : " ");
    if (line[0] === "\\") continue;
    const text = line.slice(1).replace(/\r$/, "");
    rows.push({ sign, text, old: sign === "+" ? null : old, now: sign === "-" ? null : now, marks: [] });
    if (sign !== "+") old += 1;
    if (sign !== "-") now += 1;
  }
  return markWords(rows);
}

/** Marks words within each block of removed lines that added lines follow. @param {Row[]} rows @returns {Row[]} */
function markWords(rows) {
  for (let i = 0; i < rows.length; ) {
    const gone = takeWhile(rows, i, "-");
    const come = takeWhile(rows, i + gone.length, "+");
    if (gone.length && come.length && gone.length + come.length < 200) markBlock(gone, come);
    i += Math.max(1, gone.length + come.length);
  }
  return rows;
}

/** @param {Row[]} rows @param {number} from @param {Row["sign"]} sign */
function takeWhile(rows, from, sign) {
  let to = from;
  while (rows[to]?.sign === sign) to += 1;
  return rows.slice(from, to);
}

/** @param {Row[]} gone @param {Row[]} come */
function markBlock(gone, come) {
  if ([...gone, ...come].some((row) => row.text.length > LONGEST_LINE)) return;
  const before = gone.map((row) => row.text).join("\n");
  const after = come.map((row) => row.text).join("\n");
  const changes = presentableDiff(before, after, { scanLimit: 500, timeout: 40 });
  const changed = changes.reduce((sum, change) => sum + (change.toA - change.fromA) + (change.toB - change.fromB), 0);
  // Where nearly all is new, marks on every word would say nothing.
  if (changed > 0.7 * (before.length + after.length)) return;
  for (const change of changes) {
    spread(gone, change.fromA, change.toA);
    spread(come, change.fromB, change.toB);
  }
}

/** Spreads a range over the lines it touches. @param {Row[]} rows @param {number} from @param {number} to */
function spread(rows, from, to) {
  let start = 0;
  for (const row of rows) {
    const end = start + row.text.length;
    const a = Math.max(from, start);
    const b = Math.min(to, end);
    if (a < b) row.marks.push([a - start, b - start]);
    start = end + 1;
  }
}

/** @type {Map<string, import("@codemirror/language").LanguageSupport>} */
const loaded = new Map();

/** Fetches the grammar that hunks are coloured with; until then they are plain. @param {string} language */
export async function loadGrammar(language) {
  if (!loaded.has(language) && Object.hasOwn(grammars, language)) {
    loaded.set(language, await Reflect.get(grammars, language)());
  }
}

/**
 * The colours of each line of one side, as [from, to, class] in the line.
 * @param {string[]} lines
 * @param {string} language
 * @returns {[number, number, string][][]}
 */
function coloursOf(lines, language) {
  /** @type {[number, number, string][][]} */
  const spans = lines.map(() => []);
  const support = loaded.get(language);
  const code = lines.join("\n");
  if (!support || code.length > 60_000) return spans;
  let line = 0;
  let column = 0;
  highlightCode(
    code,
    support.language.parser.parse(code),
    codeHighlighter,
    (/** @type {string} */ text, /** @type {string} */ classes) => {
      if (classes) spans[line]?.push([column, column + text.length, classes]);
      column += text.length;
    },
    () => {
      line += 1;
      column = 0;
    },
  );
  return spans;
}

/**
 * Cuts a line at every border of a colour, a mark or a hidden character.
 * @param {Row} row
 * @param {[number, number, string][]} colours
 * @returns {Node[]}
 */
function pieces(row, colours) {
  const cuts = new Set([0, row.text.length]);
  const hidden = new Map(tokensIn(row.text, { code: true, isStart: row.old === 1 || row.now === 1 }).map((token) => [token.from, token]));
  for (const [a, b] of [...row.marks, ...colours]) cuts.add(a).add(b);
  for (const { from, to } of hidden.values()) {
    for (let at = from + 1; at < to; at += 1) cuts.delete(at);
    cuts.add(from).add(to);
  }
  const borders = [...cuts].sort((a, b) => a - b);
  /** @type {Node[]} */
  const out = [];
  for (let i = 0; i + 1 < borders.length; i += 1) {
    const [from, to] = [borders[i], borders[i + 1]];
    const text = row.text.slice(from, to);
    const colour = colours.find(([a, b]) => a <= from && to <= b)?.[2];
    const marked = row.marks.some(([a, b]) => a <= from && to <= b);
    const token = hidden.get(from);
    const piece = token ? tokenElement(token) : document.createTextNode(text);
    if (marked) out.push(h("mark", { class: colour }, piece));
    else out.push(colour ? h("span", { class: colour }, piece) : piece);
  }
  return out;
}

const SPOKEN = { "-": "removed", "+": "added", " ": "" };
const KINDS = { "-": "gone", "+": "come", " ": "same" };

/**
 * @param {HunkText & {header: string}} hunk
 * @param {string} language
 * @returns {HTMLElement}
 */
export function hunkTable(hunk, language) {
  const rows = rowsOf(hunk);
  /** @param {Row["sign"]} other */
  const side = (other) => {
    const kept = rows.filter((row) => row.sign !== other);
    const colours = coloursOf(kept.map((row) => row.text), language);
    return new Map(kept.map((row, i) => [row, colours[i]]));
  };
  const before = side("+");
  const after = side("-");
  const body = rows.map((row) =>
    h(
      "tr",
      { class: `line ${KINDS[row.sign]}` },
      h("td", { class: "number", "aria-hidden": "true" }, row.old ?? ""),
      h("td", { class: "number", "aria-hidden": "true" }, row.now ?? ""),
      h("td", { class: "sign" }, h("span", { "aria-hidden": "true" }, row.sign), SPOKEN[row.sign] && h("span", { class: "visually-hidden" }, SPOKEN[row.sign])),
      h("td", { class: "code", dir: "ltr" }, pieces(row, (row.sign === "-" ? before : after).get(row) ?? [])),
    ),
  );
  return h(
    "div",
    { class: "hunk-scroll", tabindex: "0", role: "group", "aria-label": `Lines of ${hunk.header}` },
    h("table", { class: "hunk-lines", role: "presentation" }, h("tbody", null, body)),
  );
}
