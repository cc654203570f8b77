// @ts-check
/** In the editor too, each character that nobody would see is shown as its code point; the text itself keeps it. */

import { Decoration, ViewPlugin, WidgetType } from "../../vendor/agentsite-vendor-1.2.0.js";
import { tokenElement, tokensIn } from "../ui/invisible_characters.js";

/** So much before what is visible is read along: an emoji may have begun there. */
const CONTEXT = 40;

class HiddenCharacter extends WidgetType {
  /** @param {import("../ui/invisible_characters.js").Token} token */
  constructor(token) {
    super();
    this.token = token;
  }

  /** @param {HiddenCharacter} other */
  eq(other) {
    return other.token.label === this.token.label && other.token.title === this.token.title;
  }

  toDOM() {
    return tokenElement(this.token);
  }
}

/** @param {import("@codemirror/view").EditorView} view */
function marksIn(view) {
  const ranges = [];
  for (const { from, to } of view.visibleRanges) {
    const start = Math.max(0, from - CONTEXT);
    // One more than is visible: a carriage return is no mark before its line feed.
    const text = view.state.doc.sliceString(start, to + 1, "\n");
    for (const token of tokensIn(text, { code: true, isStart: start === 0 })) {
      const [a, b] = [start + token.from, start + token.to];
      if (a >= from && b <= to) ranges.push(Decoration.replace({ widget: new HiddenCharacter(token) }).range(a, b));
    }
  }
  return Decoration.set(ranges);
}

export const hiddenCharacters = ViewPlugin.fromClass(
  class {
    /** @param {import("@codemirror/view").EditorView} view */
    constructor(view) {
      this.decorations = marksIn(view);
    }

    /** @param {import("@codemirror/view").ViewUpdate} update */
    update(update) {
      if (update.docChanged || update.viewportChanged) this.decorations = marksIn(update.view);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);
