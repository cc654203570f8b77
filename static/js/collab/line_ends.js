// @ts-check
/**
 * Lines that end in CR LF keep it, whenever and from wherever they came. The editor's lines end at the line feed alone,
 * so that its positions are those of the shared text; the carriage return before it is hidden, and goes and comes with
 * its line feed.
 */

import {
  ChangeSet,
  Decoration,
  EditorSelection,
  EditorState,
  EditorView,
  keymap,
  Prec,
  StateEffect,
  Transaction,
  ViewPlugin,
  ySyncAnnotation,
} from "../../vendor/agentsite-vendor-1.2.0.js";
import { isBetween, keepingPairs } from "./pairs.js";

const LINE = "\n";
const LEFT_TO_RIGHT = 0; // as CodeMirror numbers directions
const hidden = Decoration.replace({});

/** @param {EditorView} view */
function hide(view) {
  const ranges = [];
  let last = -1;
  for (const { from, to } of view.visibleRanges) {
    for (let at = from; at <= to; ) {
      const line = view.state.doc.lineAt(at);
      if (line.from > last && line.text.endsWith("\r") && line.to < view.state.doc.length) ranges.push(hidden.range(line.to - 1, line.to));
      last = line.from;
      at = line.to + 1;
    }
  }
  return Decoration.set(ranges);
}

const hiding = ViewPlugin.fromClass(
  class {
    /** @param {EditorView} view */
    constructor(view) {
      this.decorations = hide(view);
    }

    /** @param {import("@codemirror/view").ViewUpdate} update */
    update(update) {
      if (update.docChanged || update.viewportChanged) this.decorations = hide(update.view);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

/**
 * A selection none of whose ends lies inside a pair; null where that is so.
 * @param {import("@codemirror/state").Text} doc @param {EditorSelection} selection
 */
function outsidePairs(doc, selection) {
  if (!selection.ranges.some(({ from, to }) => isBetween(doc, from) || isBetween(doc, to))) return null;
  const out = (/** @type {number} */ at) => (isBetween(doc, at) ? at - 1 : at);
  const ranges = selection.ranges.map((range) => (range.empty ? EditorSelection.cursor(out(range.head), range.assoc) : EditorSelection.range(out(range.anchor), out(range.head))));
  return EditorSelection.create(ranges, selection.mainIndex);
}

/**
 * A step over a pair from its beginning; the editor's own step would end inside, and so where it began.
 * @param {EditorView} view @param {{isRight: boolean, extends: boolean}} step
 */
function stepOver(view, step) {
  const { doc, selection } = view.state;
  const isOver = (/** @type {import("@codemirror/state").SelectionRange} */ range) =>
    (range.empty || step.extends) && isBetween(doc, range.head + 1) && (view.textDirectionAt(range.head) === LEFT_TO_RIGHT) === step.isRight;
  if (!selection.ranges.some(isOver)) return false;
  const ranges = selection.ranges.map((range) => {
    const isForward = (view.textDirectionAt(range.head) === LEFT_TO_RIGHT) === step.isRight;
    if (!range.empty && !step.extends) return EditorSelection.cursor(isForward ? range.to : range.from);
    const head = isOver(range) ? range.head + 2 : view.moveByChar(range, isForward).head;
    return step.extends ? EditorSelection.range(range.anchor, head) : EditorSelection.cursor(head);
  });
  view.dispatch({ selection: EditorSelection.create(ranges, selection.mainIndex), scrollIntoView: true, userEvent: "select" });
  return true;
}

/** @param {boolean} isRight */
const steps = (isRight) => ({
  run: (/** @type {EditorView} */ view) => stepOver(view, { isRight, extends: false }),
  shift: (/** @type {EditorView} */ view) => stepOver(view, { isRight, extends: true }),
});

/** Asked before the editor's own keys. @type {import("@codemirror/view").KeyBinding[]} */
export const stepKeys = [
  { key: "ArrowRight", ...steps(true) },
  { key: "ArrowLeft", ...steps(false) },
  { mac: "Ctrl-f", ...steps(true) },
];

/** @param {Transaction} transaction what somebody here does */
function keepPairs(transaction) {
  const { startState } = transaction;
  /** @type {import("./pairs.js").Raw[]} */
  const raw = [];
  transaction.changes.iterChanges((from, to, fromB, toB, inserted) => raw.push({ from, to, fromB, toB, text: inserted.sliceString(0, inserted.length, LINE) }));
  const event = transaction.annotation(Transaction.userEvent);
  const kept = keepingPairs(startState.doc, raw, { event: event ?? "", ranges: startState.selection.ranges.length });
  if (!kept) return null;
  const changes = ChangeSet.of(kept.changes, startState.doc.length, LINE);
  const corrections = ChangeSet.of(kept.corrections, transaction.changes.newLength, LINE);
  const selection = transaction.newSelection.map(corrections);
  return {
    changes,
    selection: outsidePairs(changes.apply(startState.doc), selection) ?? selection,
    effects: StateEffect.mapEffects(transaction.effects, corrections),
    scrollIntoView: transaction.scrollIntoView,
    userEvent: event,
  };
}

/**
 * Where the selection is after what somebody else did. What goes and what comes right behind it are one change, or who
 * stands at the start of a line would stand before it when the line before gets another end.
 * @param {Transaction} transaction
 */
function mappedOverReplacements({ changes, startState }) {
  /** @type {{from: number, to: number, insert: import("@codemirror/state").Text}[]} */
  const specs = [];
  changes.iterChanges((from, to, _fromB, _toB, insert) => {
    const last = specs.at(-1);
    if (last && from === to && from === last.to && !last.insert.length) last.insert = insert;
    else specs.push({ from, to, insert });
  }, true);
  return startState.selection.map(ChangeSet.of(specs, startState.doc.length, LINE));
}

const whole = EditorState.transactionFilter.of((transaction) => {
  const isOthers = transaction.annotation(ySyncAnnotation) || transaction.annotation(Transaction.remote);
  if (transaction.docChanged && !isOthers) {
    const kept = keepPairs(transaction);
    if (kept) return kept;
  }
  if (!transaction.docChanged && !transaction.selection) return transaction;
  const mapped = isOthers && !transaction.selection ? mappedOverReplacements(transaction) : transaction.newSelection;
  const selection = outsidePairs(transaction.newDoc, mapped) ?? mapped;
  return selection.eq(transaction.newSelection) ? transaction : [transaction, { selection, sequential: true }];
});

/** For every document: a text that has no pair now may have one in a moment. */
export const lineEnds = [EditorState.lineSeparator.of(LINE), hiding, whole, Prec.high(keymap.of(stepKeys))];
