// @ts-check
/** The code editor: CodeMirror, dressed by the page's CSS variables, with a way out for the keyboard. */

import {
  autocompletion,
  bracketMatching,
  closeBrackets,
  closeBracketsKeymap,
  closeCompletion,
  Compartment,
  defaultKeymap,
  drawSelection,
  dropCursor,
  EditorState,
  EditorView,
  foldGutter,
  foldKeymap,
  grammars,
  highlightActiveLine,
  highlightActiveLineGutter,
  HighlightStyle,
  highlightSelectionMatches,
  indentLess,
  indentMore,
  indentOnInput,
  indentUnit,
  keymap,
  lineNumbers,
  placeholder,
  Prec,
  rectangularSelection,
  search,
  searchKeymap,
  selectedCompletion,
  syntaxHighlighting,
  tags,
} from "../../vendor/agentsite-vendor-1.2.0.js";
import { hiddenCharacters } from "./hidden_characters.js";

/** Past this many characters, colouring and bracket matching are left out, and the page says so. */
export const LARGE = 400_000;

const theme = EditorView.theme({
  "&": { height: "100%", backgroundColor: "var(--surface)", color: "var(--text)", fontSize: "var(--editor-size, 0.8125rem)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55", overflow: "auto" },
  ".cm-content": { padding: "0.5rem 0", caretColor: "var(--accent)" },
  ".cm-line": { padding: "0 0.75rem 0 0.375rem" },
  ".cm-cursor": { borderLeftColor: "var(--accent)", borderLeftWidth: "2px" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--text-faint)", border: "none" },
  ".cm-lineNumbers .cm-gutterElement": { padding: "0 0.375rem 0 0.75rem", minWidth: "2.25rem" },
  ".cm-foldGutter .cm-gutterElement": { cursor: "pointer" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--hover) 55%, transparent)" },
  ".cm-activeLineGutter": { backgroundColor: "transparent", color: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "light-dark(#cfdcff, #2a3d70)",
  },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": {
    backgroundColor: "var(--accent-soft)",
    outline: "1px solid var(--accent)",
  },
  ".cm-selectionMatch": { backgroundColor: "light-dark(#fdeeb5, #4a3f16)" },
  ".cm-searchMatch": { backgroundColor: "light-dark(#fde58a, #5c4c10)" },
  ".cm-searchMatch-selected": { backgroundColor: "light-dark(#ffc940, #86690c)" },
  ".cm-panels": { backgroundColor: "var(--surface-sunken)", color: "var(--text)", borderColor: "var(--line)" },
  ".cm-textfield": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--line-strong)", borderRadius: "4px" },
  ".cm-button": { backgroundImage: "none", backgroundColor: "var(--surface-raised)", color: "var(--text)", border: "1px solid var(--line)", borderRadius: "4px" },
  ".cm-tooltip": { backgroundColor: "var(--surface-raised)", color: "var(--text)", border: "1px solid var(--line)", borderRadius: "6px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent-fill)", color: "var(--on-accent)" },
  ".cm-placeholder": { color: "var(--text-faint)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--surface-sunken)", border: "1px solid var(--line)", color: "var(--text-soft)" },
  ".cm-changed-lines": { backgroundColor: "var(--good-soft)" },
});

/** The same classes colour the hunks of a diff (see refine/hunk.js). */
const colours = HighlightStyle.define([
  { tag: [tags.comment, tags.meta, tags.documentMeta], class: "tok-comment" },
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier, tags.self, tags.tagName], class: "tok-keyword" },
  { tag: [tags.string, tags.special(tags.string), tags.regexp, tags.attributeValue], class: "tok-string" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom, tags.escape, tags.color], class: "tok-number" },
  { tag: [tags.function(tags.variableName), tags.function(tags.definition(tags.variableName)), tags.function(tags.propertyName), tags.heading, tags.labelName], class: "tok-name" },
  { tag: [tags.typeName, tags.className, tags.namespace, tags.attributeName, tags.definition(tags.propertyName)], class: "tok-type" },
  { tag: tags.link, class: "tok-link" },
  { tag: tags.emphasis, class: "tok-emphasis" },
  { tag: tags.strong, class: "tok-strong" },
]);

export const codeHighlighter = colours;

/** @type {import("@codemirror/view").KeyBinding[]} */
const tabKeys = [{ key: "Tab", run: indentMore, shift: indentLess }];

const INDENTS = { python: "    ", rust: "    ", java: "    ", c: "    ", cpp: "    ", go: "\t" };

/**
 * @param {string} language
 * @returns {Promise<import("@codemirror/state").Extension>}
 */
async function languageExtension(language) {
  const grammar = Object.hasOwn(grammars, language) ? await Reflect.get(grammars, language)() : [];
  return [grammar, indentUnit.of(Reflect.get(INDENTS, language) ?? "  ")];
}

/**
 * Enter after a word that is complete already is the end of a line, though the word is offered as well.
 * @param {EditorView} view
 */
function leaveCompleteWord(view) {
  const offered = selectedCompletion(view.state);
  if (!offered || typeof offered.apply === "function") return false; // a snippet is more than its word
  const { from, head } = view.state.selection.main;
  const before = view.state.doc.lineAt(from).text.slice(0, head - view.state.doc.lineAt(from).from);
  const completed = offered.apply ?? offered.label;
  if (before.endsWith(completed) && !/[\p{L}\p{N}_$]$/u.test(before.slice(0, -completed.length))) closeCompletion(view);
  return false; // whoever is asked next ends the line
}

/** Asked before the suggestions' own keys. */
const completion = [Prec.highest(keymap.of([{ key: "Enter", run: leaveCompleteWord }])), autocompletion()];

export class Editor {
  /**
   * @param {{parent: HTMLElement, text: import("@codemirror/state").Text, extension: import("@codemirror/state").Extension,
   *   nonce: string, readOnly: boolean, describedBy: string, onAsk: () => void, onSave: () => void}} options
   */
  constructor({ parent, text, extension, nonce, readOnly, describedBy, onAsk, onSave }) {
    this.language = new Compartment();
    this.access = new Compartment();
    this.wrapping = new Compartment();
    this.large = text.length > LARGE;
    this.view = new EditorView({
      parent,
      state: EditorState.create({
        doc: text,
        extensions: [
          EditorView.cspNonce.of(nonce),
          lineNumbers(),
          foldGutter(),
          hiddenCharacters,
          drawSelection(),
          dropCursor(),
          indentOnInput(),
          highlightActiveLine(),
          highlightActiveLineGutter(),
          rectangularSelection(),
          search({ top: true }),
          this.large ? [] : [bracketMatching(), closeBrackets(), highlightSelectionMatches(), completion],
          syntaxHighlighting(colours),
          EditorState.allowMultipleSelections.of(true),
          placeholder("Write or paste code here"),
          keymap.of([
            { key: "Mod-Enter", run: () => (onAsk(), true) },
            { key: "Mod-s", run: () => (onSave(), true), preventDefault: true },
            ...closeBracketsKeymap,
            ...defaultKeymap,
            ...searchKeymap,
            ...foldKeymap,
            ...tabKeys,
          ]),
          EditorView.contentAttributes.of({ "aria-label": "Code", "aria-describedby": describedBy, tabindex: "0" }),
          theme,
          this.language.of([]),
          this.access.of(this.#access(readOnly)),
          this.wrapping.of([]),
          extension,
        ],
      }),
    });
  }

  /** @param {boolean} readOnly */
  #access(readOnly) {
    // Still focusable and selectable: a viewer reads and copies with the keyboard too.
    return [EditorState.readOnly.of(readOnly), EditorView.contentAttributes.of({ "aria-readonly": String(readOnly) })];
  }

  /** @param {string} language */
  async setLanguage(language) {
    const extension = this.large ? [] : await languageExtension(language);
    this.view.dispatch({ effects: this.language.reconfigure(extension) });
  }

  /** @param {boolean} readOnly */
  setReadOnly(readOnly) {
    this.view.dispatch({ effects: this.access.reconfigure(this.#access(readOnly)) });
  }

  /** @param {boolean} wrap */
  setWrapping(wrap) {
    this.view.dispatch({ effects: this.wrapping.reconfigure(wrap ? EditorView.lineWrapping : []) });
  }

  /** Scrolls to a line and puts the cursor there. @param {number} number */
  goToLine(number) {
    const line = this.view.state.doc.line(Math.min(Math.max(1, number), this.view.state.doc.lines));
    this.view.dispatch({ selection: { anchor: line.from }, effects: EditorView.scrollIntoView(line.from, { y: "center" }) });
  }

  /** Scrolls to a position without moving the cursor. @param {number} at */
  show(at) {
    const position = Math.min(at, this.view.state.doc.length);
    this.view.dispatch({ effects: EditorView.scrollIntoView(position, { y: "center" }) });
  }

  focus() {
    this.view.focus();
  }
}
