// @ts-check
/** Other people's cursors and selections in the editor: a coloured caret with a name, and a tint on what is selected. */

import {
  createAbsolutePositionFromRelativePosition,
  createRelativePositionFromJSON,
  createRelativePositionFromTypeIndex,
  Decoration,
  EditorView,
  StateEffect,
  ViewPlugin,
  WidgetType,
} from "../../vendor/agentsite-vendor-1.2.0.js";
import { plain } from "../ui/invisible_characters.js";

const moved = StateEffect.define();

class Caret extends WidgetType {
  /** @param {{name: string, color: string}} user */
  constructor(user) {
    super();
    this.user = user;
  }

  /** @param {Caret} other */
  eq(other) {
    return other.user.name === this.user.name && other.user.color === this.user.color;
  }

  toDOM() {
    const caret = document.createElement("span");
    caret.className = "remote-caret";
    caret.setAttribute("aria-hidden", "true");
    caret.style.borderColor = this.user.color;
    const name = document.createElement("span");
    name.className = "remote-name";
    name.style.backgroundColor = this.user.color;
    name.textContent = plain(this.user.name);
    caret.append("\u2060", name, "\u2060");
    return caret;
  }

  ignoreEvent() {
    return true;
  }
}

/**
 * Where somebody is in the text now; null when they are nowhere in it.
 * @param {any} state
 * @param {import("yjs").Text} text
 * @returns {{anchor: number, head: number} | null}
 */
export function placeOf(state, text) {
  if (!state?.cursor) return null;
  const [anchor, head] = [state.cursor.anchor, state.cursor.head].map((position) => {
    try {
      return createAbsolutePositionFromRelativePosition(createRelativePositionFromJSON(position), /** @type {any} */ (text.doc));
    } catch {
      return null; // what another client sends need not be a position
    }
  });
  if (anchor?.type !== text || head?.type !== text) return null;
  return { anchor: anchor.index, head: head.index };
}

/**
 * @param {import("yjs").Text} text
 * @param {import("y-protocols/awareness").Awareness} awareness
 */
export function remoteCursors(text, awareness) {
  return [
    ViewPlugin.fromClass(
      class {
        /** @param {EditorView} view */
        constructor(view) {
          this.view = view;
          this.decorations = Decoration.none;
          this.changed = (/** @type {{added: number[], updated: number[], removed: number[]}} */ { added, updated, removed }) => {
            if ([...added, ...updated, ...removed].some((client) => client !== awareness.clientID)) {
              // In a task of its own: awareness also changes while the view is being updated.
              setTimeout(() => view.dispatch({ effects: moved.of(null) }));
            }
          };
          awareness.on("change", this.changed);
          this.draw();
        }

        /** @param {import("@codemirror/view").ViewUpdate} update */
        update(update) {
          if (update.selectionSet || update.docChanged || update.focusChanged) this.say();
          if (update.docChanged || update.transactions.some((each) => each.effects.some((effect) => effect.is(moved)))) this.draw();
        }

        /** Says where this person's own cursor is; their place is kept while they look elsewhere on the page. */
        say() {
          const { anchor, head } = this.view.state.selection.main;
          const cursor = {
            anchor: createRelativePositionFromTypeIndex(text, anchor),
            head: createRelativePositionFromTypeIndex(text, head),
          };
          const before = awareness.getLocalState();
          if (!before || JSON.stringify(before.cursor) === JSON.stringify(cursor)) return;
          queueMicrotask(() => awareness.setLocalStateField("cursor", cursor));
        }

        draw() {
          const { length } = this.view.state.doc;
          const ranges = [];
          for (const [client, state] of awareness.getStates()) {
            // Agents' carets are drawn with what they propose.
            const isOther = client !== awareness.clientID && state.user && state.user.role !== "agent";
            const place = isOther ? placeOf(state, text) : null;
            if (!place || place.anchor > length || place.head > length) continue;
            const [from, to] = [Math.min(place.anchor, place.head), Math.max(place.anchor, place.head)];
            if (from < to) {
              const style = `background-color: color-mix(in srgb, ${CSS.supports("color", state.user.color) ? state.user.color : "gray"} 22%, transparent)`;
              ranges.push(Decoration.mark({ attributes: { style } }).range(from, to));
            }
            const side = place.head < place.anchor ? 1 : -1;
            ranges.push(Decoration.widget({ widget: new Caret(state.user), side }).range(place.head));
          }
          this.decorations = Decoration.set(ranges, true);
        }

        destroy() {
          awareness.off("change", this.changed);
        }
      },
      { decorations: (plugin) => plugin.decorations },
    ),
    theme,
  ];
}

const theme = EditorView.baseTheme({
  ".remote-caret": { position: "relative", borderLeft: "2px solid", marginLeft: "-1px", marginRight: "-1px" },
  ".remote-name": {
    position: "absolute",
    bottom: "100%",
    left: "-2px",
    padding: "0 0.25rem",
    borderRadius: "3px 3px 3px 0",
    color: "#fff",
    font: "600 0.6875rem/1.4 var(--sans, sans-serif)",
    whiteSpace: "nowrap",
    pointerEvents: "none",
    zIndex: "5",
    opacity: "0",
    transition: "opacity 0.2s",
  },
  ".remote-caret:hover .remote-name, .cm-content.shows-names .remote-name": { opacity: "1" },
  ".cm-line:first-child .remote-name": { bottom: "auto", top: "100%", borderRadius: "0 3px 3px 3px" },
});
