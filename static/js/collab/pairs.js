// @ts-check
/**
 * A carriage return and its line feed are one line end, and stay together whatever is changed around them. Positions
 * are those of the shared text, where the pair has two. What a change looks like to the text decides, each time anew.
 */

/**
 * @typedef {import("@codemirror/state").Text} Text
 * @typedef {{from: number, to: number, insert: string}} Spec
 * @typedef {{from: number, to: number, fromB: number, toB: number, text: string}} Raw one change: from where to where
 *   in the old text, and where what it inserts stands in the new one
 * @typedef {{event: string, ranges: number}} How what a person did, and with how many cursors
 */

/** Whether a position lies inside a pair. @param {Text} doc @param {number} at */
export const isBetween = (doc, at) => at > 0 && at < doc.length && doc.sliceString(at - 1, at + 1, "\n") === "\r\n";

/** @param {string} text @param {number} at */
const splits = (text, at) => text[at - 1] === "\r" && text[at] === "\n";

/**
 * How a new line ends at a position: as the line that is divided there; the last one, which has no end, as the one before.
 * @param {Text} doc @param {number} at
 */
export function lineEndAt(doc, at) {
  let line = doc.lineAt(at);
  if (line.to === doc.length) {
    if (line.number === 1) return "\n";
    line = doc.line(line.number - 1);
  }
  return line.text.endsWith("\r") ? "\r\n" : "\n";
}

/**
 * The changes from one text to another, made such that no boundary of theirs lies inside a pair of either text.
 * Half a pair that comes alone could be parted from its other half by what somebody else types at the same time.
 * @param {{fromA: number, toA: number, fromB: number, toB: number}[]} changes @param {string} from @param {string} to
 * @returns {Spec[]}
 */
export function withWholePairs(changes, from, to) {
  /** @type {{fromA: number, toA: number, fromB: number, toB: number}[]} */
  const whole = [];
  for (let { fromA, toA, fromB, toB } of changes) {
    // Outside the changes both texts are the same, so a step outwards is one in both.
    if (splits(from, fromA) || splits(to, fromB)) [fromA, fromB] = [fromA - 1, fromB - 1];
    if (splits(from, toA) || splits(to, toB)) [toA, toB] = [toA + 1, toB + 1];
    const last = whole.at(-1);
    if (last && fromA <= last.toA) [last.toA, last.toB] = [toA, toB];
    else whole.push({ fromA, toA, fromB, toB });
  }
  return whole.map(({ fromA, toA, fromB, toB }) => ({ from: fromA, to: toA, insert: to.slice(fromB, toB) }));
}

/** A change as it should be, and what makes the text after the given one into the text after this one. */
class Mended {
  /** @param {Raw} raw */
  constructor(raw) {
    this.raw = raw;
    this.from = raw.from;
    this.to = raw.to;
    this.insert = raw.text;
    /** @type {Spec[]} in positions of the text that the given change leads to */
    this.corrections = [];
  }

  get spec() {
    return { from: this.from, to: this.to, insert: this.insert };
  }

  get isChanged() {
    return this.corrections.length > 0 || this.from !== this.raw.from;
  }

  /** @param {number} at @param {number} length @param {string} insert all in what was inserted */
  #rewrite(at, length, insert) {
    this.corrections.push({ from: this.raw.fromB + at, to: this.raw.fromB + at + length, insert });
  }

  /**
   * The same change of the text, one further on: not a half of one pair and a half of another, which somebody else
   * may part at the same time. Says whether it is the same there.
   * @param {Text} doc
   */
  slide(doc) {
    const { from, to, text } = this.raw;
    if (doc.sliceString(to, to + 1, "\n") !== "\n") return false;
    if (text && from < to) return false;
    if ((text || doc.sliceString(from, from + 1, "\n"))[0] !== "\n") return false;
    this.from += 1;
    this.to += 1;
    this.insert = text && `${text.slice(1)}\n`;
    return true;
  }

  /** The pair around its beginning goes with it, or, where nothing goes, stands after it. */
  beginBeforePair() {
    this.from -= 1;
    this.corrections.push({ from: this.raw.fromB - 1, to: this.raw.fromB, insert: "" });
    if (this.raw.from === this.raw.to) {
      this.to -= 1;
      this.corrections.push({ from: this.raw.toB, to: this.raw.toB, insert: "\r" });
    }
  }

  endAfterPair() {
    this.to += 1;
    this.corrections.push({ from: this.raw.toB, to: this.raw.toB + 1, insert: "" });
  }

  /** A carriage return that moved in what is inserted stays with its line feed instead. */
  endBeforePair() {
    this.to -= 1;
    const stray = this.insert.search(/\r(?!\n)/);
    if (stray >= 0) {
      this.insert = this.insert.slice(0, stray) + this.insert.slice(stray + 1);
      this.#rewrite(stray, 1, "");
    }
    this.corrections.push({ from: this.raw.toB, to: this.raw.toB, insert: "\r" });
  }

  dropLast() {
    this.#rewrite(this.insert.length - 1, 1, "");
    this.insert = this.insert.slice(0, -1);
  }

  /** A line that has become the last one gives its end to the line before it. */
  handOverLineEnd() {
    this.#rewrite(0, 0, "\r");
    this.#rewrite(this.insert.length - 1, 1, "");
    this.insert = `\r${this.insert.slice(0, -1)}`;
  }

  /** Copied lines end as they did; only the last one of a text had no end to copy. @param {Text} doc */
  endCopyAsNeighbours(doc) {
    const { from, text } = this.raw;
    const isBelow = from === doc.length;
    if (!isBelow && text !== `${doc.sliceString(from, doc.length, "\n")}\n`) return;
    if (lineEndAt(doc, doc.length) === "\n") return;
    const at = isBelow ? 0 : text.length - 1;
    this.#rewrite(at, 0, "\r");
    this.insert = `${text.slice(0, at)}\r${text.slice(at)}`;
  }

  /** Line feeds alone become pairs; a text that has pairs says itself how its lines end. @param {Text} doc */
  endLinesAsNeighbours(doc) {
    if (!this.insert.includes("\n") || this.insert.includes("\r\n")) return;
    if (lineEndAt(doc, this.from) === "\n") return;
    for (let at = this.raw.text.indexOf("\n"); at >= 0; at = this.raw.text.indexOf("\n", at + 1)) this.#rewrite(at, 0, "\r");
    this.insert = this.insert.replaceAll("\n", "\r\n");
  }
}

/** Whether a moved or copied line finds its halves where it comes to stand. @param {Text} doc @param {Raw} raw */
function isWhole(doc, { from, to, text }) {
  const after = doc.sliceString(to, to + 1, "\n");
  if (isBetween(doc, from) && !`${text}${after}`.startsWith("\n")) return false;
  if (to > from && isBetween(doc, to) && !`${doc.sliceString(from - 1, from, "\n")}${text}`.endsWith("\r")) return false;
  return !text.endsWith("\r") || after === "\n";
}

/**
 * Whether a new line is indented as an empty one before it, whose carriage return was counted as a blank.
 * @param {Text} doc @param {Raw} raw @param {string} event
 */
function isIndentedByReturn(doc, { from, text }, event) {
  const above = doc.lineAt(from).text;
  return event === "input" && /^[ \t]*\r$/.test(above) && text === `\n${above.slice(0, -1)} `;
}

/** @param {Text} doc @param {Raw} raw @param {How} how @param {boolean} isWholeMove */
function mended(doc, raw, { event, ranges }, isWholeMove) {
  const one = new Mended(raw);
  const { from, to, text } = raw;
  const isEndIn = to > from && isBetween(doc, to);
  const isStartIn = isBetween(doc, from);
  const isOfLines = event === "move.line" || event === "input.copyline";
  if ((isStartIn || isEndIn) && (isOfLines || !text) && one.slide(doc)) return one;
  if (isWholeMove) return one;
  if (event === "input.copyline") {
    one.endCopyAsNeighbours(doc);
    return one;
  }
  if (isStartIn) one.beginBeforePair();
  if (event === "move.line" && text.startsWith("\n") && text.endsWith("\r") && to === doc.length) one.handOverLineEnd();
  else if (event.startsWith("input.paste") && ranges > 1 && text.endsWith("\r")) one.dropLast();
  if (isIndentedByReturn(doc, raw, event)) one.dropLast();
  if (isEndIn) {
    // What stands alone before the line feed is the end of a line to who deletes it, and white space to who indents.
    const isJoin = !text && to - from === 1 && /^delete(?!\.dedent)/.test(event);
    if (isJoin) one.endAfterPair();
    else one.endBeforePair();
  }
  one.endLinesAsNeighbours(doc);
  return one;
}

/**
 * What a person changes, made such that no pair is torn and new lines end as their neighbours; null where it is so.
 * @param {Text} doc @param {Raw[]} changes @param {How} how
 * @returns {{changes: Spec[], corrections: Spec[]} | null} `corrections` lead from the text after the given changes to
 *   the text after these
 */
export function keepingPairs(doc, changes, how) {
  const isWholeMove = how.event === "move.line" && changes.every((each) => isWhole(doc, each));
  const all = changes.map((each) => mended(doc, each, how, isWholeMove));
  if (!all.some((each) => each.isChanged)) return null;
  return { changes: all.map((each) => each.spec), corrections: all.flatMap((each) => each.corrections) };
}
