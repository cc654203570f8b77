// @ts-check
/**
 * Shows what nobody would see: each invisible or direction-turning character as its code point, wherever a text is
 * shown; in code also each letter that passes for another one. Which characters these are is said in invisible_ranges.js; what a person writes or copies stays as it is.
 */

import { ABBREVIATED, IN_CODE, IN_PROSE, LOOKALIKES, NAMES, NAMES_OF_RANGES, ORDINALS } from "./invisible_ranges.js";

/** @typedef {{from: number, to: number, label: string, title: string}} Token where in the text, in UTF-16 units */

const MOST_APART = 4;
/** No text that is only letters, digits and spaces is looked at any closer. */
const HARMLESS = /^[\n\t -~]*$/;

/** @param {string} character */
const codeOf = (character) => /** @type {number} */ (character.codePointAt(0));

/** @param {string} character */
const labelOf = (character) => `U+${codeOf(character).toString(16).toUpperCase().padStart(4, "0")}`;

/** @param {string} character */
const nameOf = (character) => {
  const code = codeOf(character);
  return NAMES.get(code) ?? NAMES_OF_RANGES.find(([first, last]) => first <= code && code <= last)?.[2] ?? "";
};

/** @param {string} character */
export const titleOf = (character) => `${labelOf(character)} ${nameOf(character)}`;

/**
 * What is to be marked in a text. Many that stand together are one token: a thousand boxes would hide the text itself.
 * @param {string} text @param {{code?: boolean, isStart?: boolean}} [how]
 *   `code`: what only looks like a space is marked too; `isStart`: false when a byte order mark in front is none
 * @returns {Token[]}
 */
export function tokensIn(text, { code = false, isStart = true } = {}) {
  if (HARMLESS.test(text)) return [];
  /** @type {{from: number, characters: string[]}[]} */
  const runs = [];
  let end = -1;
  const note = (/** @type {number} */ from, /** @type {string} */ character) => {
    if (from === end) runs[runs.length - 1].characters.push(character);
    else runs.push({ from, characters: [character] });
    end = from + character.length;
  };
  if (!isStart && text[0] === "\ufeff") note(0, text[0]);
  for (const match of text.matchAll(code ? IN_CODE : IN_PROSE)) if (match[1] !== undefined) note(match.index, match[1]);
  const hidden = runs.flatMap(tokensOf);
  return code ? [...hidden, ...lettersThatPass(text)].sort((one, other) => one.from - other.from) : hidden;
}

const WORD = /[\p{L}\p{Nl}\p{No}_][\p{L}\p{N}_$]*/gu;
const PLAIN = /^\w+$/;
const LATIN_ONLY = /^[\p{Script=Latin}\p{ASCII}]*$/u;
const IDENTIFIER = /^[\p{L}\p{Nl}\p{Nd}\p{Pc}]$/u;

/** The plain letters that Python takes one for in a name; else empty. @param {string} letter */
function plainOf(letter) {
  const plain = letter > "\x7f" && IDENTIFIER.test(letter) ? letter.normalize("NFKC") : "";
  return PLAIN.test(plain) ? plain : "";
}

/** Latin letters of other scripts' or other kinds', in words that are read as others are. @param {string} text @returns {Token[]} */
function lettersThatPass(text) {
  /** @type {Token[]} */
  const tokens = [];
  for (const { 0: word, index } of text.matchAll(WORD)) {
    if (PLAIN.test(word) || !isLookalike(word)) continue;
    let from = index;
    for (const letter of word) {
      const plain = plainOf(letter);
      const to = from + letter.length;
      if (plain) tokens.push({ from, to, label: labelOf(letter), title: `${labelOf(letter)}, which reads as ${plain}` });
      else if (LOOKALIKES.includes(letter)) tokens.push({ from, to, label: labelOf(letter), title: `${labelOf(letter)}, which only looks like a Latin letter` });
      from = to;
    }
  }
  return tokens;
}

/** As _is_lookalike in sessions_app/invisible_characters.py has it. @param {string} word */
function isLookalike(word) {
  const letters = [...word];
  if (letters.some(plainOf) && LATIN_ONLY.test(word.normalize("NFKC")) && !isWrittenSo(letters)) return true;
  const others = letters.filter((one) => one > "\x7f" && /\p{L}/u.test(one) && !plainOf(one));
  const foreign = others.filter((one) => LOOKALIKES.includes(one) || !/\p{Script=Latin}/u.test(one));
  const hasLatin = foreign.length < letters.filter((one) => /\p{L}/u.test(one)).length;
  return hasLatin && foreign.length > 0 && foreign.every((one) => LOOKALIKES.includes(one));
}

/** An abbreviation with its ordinal sign, or one symbol of mathematics alone. @param {string[]} letters */
function isWrittenSo(letters) {
  let end = letters.length;
  while (end && ORDINALS.includes(letters[end - 1])) end -= 1;
  if (end < letters.length) return ABBREVIATED.includes(letters.slice(0, end).join("").toLowerCase());
  return letters.length === 1 && letters[0] >= "\u2100" && letters[0] < "\u2150";
}

/** @param {{from: number, characters: string[]}} run @returns {Token[]} */
function tokensOf({ from, characters }) {
  if (characters.length > MOST_APART) {
    const kinds = [...new Set(characters)];
    const label = kinds.length === 1 ? `${labelOf(kinds[0])} × ${characters.length}` : `${characters.length} hidden characters`;
    return [{ from, to: from + characters.join("").length, label, title: kinds.slice(0, 12).map(titleOf).join(", ") + (kinds.length > 12 ? ", …" : "") }];
  }
  let at = from;
  return characters.map((character) => ({ from: at, to: (at += character.length), label: labelOf(character), title: titleOf(character) }));
}

/** A token as people see and hear it. @param {Token} token */
export function tokenElement({ label, title }) {
  const element = document.createElement("span");
  element.className = "hidden-character";
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", title);
  element.title = title;
  element.textContent = label;
  return element;
}

/**
 * A text as nodes, with what would not be seen as tokens among it.
 * @param {string} text @param {{code?: boolean, isStart?: boolean}} [how] @returns {(string | HTMLElement)[]}
 */
export function nodesOf(text, how) {
  /** @type {(string | HTMLElement)[]} */
  const nodes = [];
  let end = 0;
  for (const token of tokensIn(text, how)) {
    if (token.from > end) nodes.push(text.slice(end, token.from));
    nodes.push(tokenElement(token));
    end = token.to;
  }
  if (end < text.length || !nodes.length) nodes.push(text.slice(end));
  return nodes;
}

/** A text for places that hold nothing but text: titles, labels, options, drawings. @param {string} text */
export function plain(text) {
  let out = "";
  let end = 0;
  for (const token of tokensIn(text)) {
    out += `${text.slice(end, token.from)}[${token.label}]`;
    end = token.to;
  }
  return end ? out + text.slice(end) : text;
}

const ENDS_IN_WORD = /[\p{L}\p{N}_$]$/u;
const BEGINS_IN_WORD = /^[\p{L}\p{N}_$]/u;

/**
 * Whether a piece begins in the middle of what belongs together, such as an emoji, or a word with letters that may pass
 * for others. @param {string} piece @param {string} [before] what stands before it
 */
export const continues = (piece, before = "") => continuesWord(piece, before.slice(-80)) || /^[\u200c\u200d\ufe00-\ufe0f\u20e3\n\u{1f3fb}-\u{1f3ff}\u{e0000}-\u{e0fff}]/u.test(piece);

/** @param {string} piece @param {string} before */
function continuesWord(piece, before) {
  if (!ENDS_IN_WORD.test(before) || !BEGINS_IN_WORD.test(piece)) return false;
  const word = before.split(/[^\p{L}\p{N}_$]/u).at(-1) ?? "";
  const [rest] = /^[\p{L}\p{N}_$]*/u.exec(piece) ?? [""];
  return /[a-z]/i.test(word + rest) && [...word, ...rest].some((letter) => LOOKALIKES.includes(letter) || plainOf(letter));
}

const TITLES = ["title", "aria-label", "alt"];
const AS_THEY_ARE = "script, style, textarea, .cm-editor, .hidden-character";

/** Marks what the server wrote into a page, once: its texts, and what is said of them. @param {Element} root */
export function markPage(root) {
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  /** @type {[Text, boolean][]} */
  const found = [];
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const text = /** @type {Text} */ (node);
    if (HARMLESS.test(text.data) || text.parentElement?.closest(AS_THEY_ARE)) continue;
    found.push([text, Boolean(text.parentElement?.closest("pre, code"))]);
  }
  for (const [text, code] of found) {
    if (text.parentElement?.matches("option, title, svg *")) text.data = plain(text.data);
    else if (tokensIn(text.data, { code }).length) text.replaceWith(...nodesOf(text.data, { code }));
  }
  for (const name of TITLES)
    for (const element of root.querySelectorAll(`[${name}]`)) {
      const value = element.getAttribute(name) ?? "";
      if (!HARMLESS.test(value)) element.setAttribute(name, plain(value));
    }
  if (root === document.body) document.title = plain(document.title);
}
