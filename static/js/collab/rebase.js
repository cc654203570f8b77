// @ts-check
/**
 * Unsaved typing on top of a text that moved: a three-way merge of changes, so that no keystroke is lost.
 *
 * Three layers lie over the base, the text that the server is known to have: `sent`, on its way and perhaps stored,
 * then `pending`, typed since. When the server's text turns out to be another, both move onto it.
 */

import { ChangeSet, diff, Text } from "../../vendor/agentsite-vendor-1.2.0.js";
import { withWholePairs } from "./pairs.js";

/** @typedef {import("@codemirror/state").ChangeSet} Changes */

const LINE = "\n";

/** @param {string} text @returns {import("@codemirror/state").Text} */
export const toText = (text) => Text.of(text.split(LINE));

/** @param {Changes} changes @param {string} text @returns {string} */
export const applied = (changes, text) => changes.apply(toText(text)).toString();

/** @param {string} text @returns {Changes} no change to this text */
export const unchanged = (text) => ChangeSet.empty(text.length);

/**
 * The changes that lead from one text to another.
 * @param {string} from
 * @param {string} to
 * @returns {Changes}
 */
export function changesBetween(from, to) {
  if (from === to) return unchanged(from);
  const changes = diff(from, to, { scanLimit: 4000, timeout: 250 });
  return ChangeSet.of(withWholePairs([...changes], from, to), from.length, LINE);
}

/** @param {Changes} changes @returns {{from: number, to: number, insert: string}[]} */
function specsOf(changes) {
  /** @type {{from: number, to: number, insert: string}[]} */
  const specs = [];
  changes.iterChanges(
    (/** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ _a, /** @type {number} */ _b, /** @type {any} */ insert) =>
      specs.push({ from, to, insert: insert.toString() }),
    true,
  );
  return specs;
}

/** How many separate places a person changed. @param {Changes | null} changes */
export const countChanges = (changes) => (changes ? specsOf(changes).length : 0);

/**
 * What of `sent` the server does not have yet: a change that stands word for word in the server's text was stored,
 * although its acknowledgement never came, and must not be applied twice.
 * @param {string} base
 * @param {Changes} sent
 * @param {Changes} theirs
 * @returns {{changes: Changes, dropped: boolean}}
 */
function notYetStored(base, sent, theirs) {
  const theirKeys = new Set(specsOf(theirs).map((spec) => JSON.stringify(spec)));
  const mine = specsOf(changesBetween(base, applied(sent, base)));
  const left = mine.filter((spec) => !theirKeys.has(JSON.stringify(spec)));
  if (left.length === mine.length) return { changes: sent, dropped: false };
  return { changes: ChangeSet.of(left, base.length, LINE), dropped: true };
}

/**
 * Moves unsaved typing onto the text that the server has now.
 * @param {{base: string, sent: Changes | null, pending: Changes, remote: string}} layers
 * @returns {{unsaved: Changes, toLocal: Changes}} `unsaved` leads from the remote text to the merged one; `toLocal`
 *   from what the editor shows to the merged one
 */
export function rebase({ base, sent, pending, remote }) {
  const theirs = changesBetween(base, remote);
  const inFlight = sent ?? unchanged(base);
  const { changes: kept, dropped } = sent ? notYetStored(base, sent, theirs) : { changes: inFlight, dropped: false };
  const keptMoved = kept.map(theirs, true);
  const toKept = dropped
    ? changesBetween(applied(inFlight, base), applied(keptMoved, remote))
    : theirs.map(inFlight);
  return { unsaved: keptMoved.compose(pending.map(toKept, true)), toLocal: toKept.map(pending) };
}
