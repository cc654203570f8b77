// @ts-check
/**
 * Files whose lines end in CR LF keep them. The editor's lines end at the line feed alone, so that its positions are
 * those of the shared text; the carriage return before it is hidden, and goes and comes with its line feed.
 */

import { Decoration, EditorState, EditorView, ViewPlugin, ySyncAnnotation } from "../../vendor/agentsite-vendor-1.2.0.js";

/** @param {string} text whether every line of it ends in CR LF */
export const hasOnlyCrlf = (text) => text.includes("\r\n") && !/\r(?!\n)|(?<!\r)\n/.test(text);

const hidden = Decoration.replace({});

/** @param {EditorView} view */
function hide(view) {
  const ranges = [];
  for (const { from, to } of view.visibleRanges) {
    for (let at = from; at <= to; ) {
      const line = view.state.doc.lineAt(at);
      if (line.text.endsWith("\r") && line.to < view.state.doc.length) ranges.push(hidden.range(line.to - 1, line.to));
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
  {
    decorations: (plugin) => plugin.decorations,
    provide: (plugin) => EditorView.atomicRanges.of((view) => view.plugin(plugin)?.decorations ?? Decoration.none),
  },
);

/** What a person changes, made such that no pair is torn. */
const pairs = EditorState.transactionFilter.of((transaction) => {
  if (!transaction.docChanged || transaction.annotation(ySyncAnnotation)) return transaction;
  const { doc } = transaction.startState;
  const between = (/** @type {number} */ at) => at > 0 && at < doc.length && doc.sliceString(at - 1, at + 1) === "\r\n";
  const changes = /** @type {{from: number, to: number, insert: string}[]} */ ([]);
  let isTorn = false;
  transaction.changes.iterChanges((fromA, toA, _fromB, _toB, inserted) => {
    const raw = inserted.sliceString(0, inserted.length, "\n");
    const insert = raw.replace(/\r?\n/g, "\r\n");
    const from = between(fromA) ? fromA - 1 : fromA;
    const to = toA === fromA ? from : between(toA) ? toA + 1 : toA;
    isTorn ||= insert !== raw || from !== fromA || to !== toA;
    changes.push({ from, to, insert });
  });
  if (!isTorn) return transaction;
  const whole = transaction.startState.changes(changes);
  return {
    changes: whole,
    selection: transaction.startState.selection.map(whole, 1),
    effects: transaction.effects,
    scrollIntoView: transaction.scrollIntoView,
    userEvent: transaction.isUserEvent("input") ? "input" : transaction.isUserEvent("delete") ? "delete" : undefined,
  };
});

/** For documents whose lines all end in CR LF. */
export const crlf = [hiding, pairs];
