// @ts-check
/** The field of a condition: completes the words of the language and the keys of the state, and shows the column of an error. */

import { fill, h } from "../ui/dom.js";

const WORDS = ["AND", "OR", "NOT", "in", "true", "false", "null", "len(", "contains(", "startswith(", "endswith(", "lower(", "upper("];
const MOST = 6;

/** The keys that a graph's state may have, as far as its nodes and rules tell. @param {any} definition @param {Map<string, any>} tools */
export function stateKeys(definition, tools) {
  const keys = new Set(Object.keys(definition.state ?? {}));
  for (const node of definition.nodes ?? []) {
    const { config = {} } = node;
    const tool = tools.get(node.tool);
    for (const key of [...(tool?.outputs ?? []), ...(tool?.inputs ?? [])]) keys.add(key);
    for (const object of [config.set, config.values]) if (object && typeof object === "object") for (const key of Object.keys(object)) keys.add(key);
    if (typeof config.write === "string") keys.add(config.write);
  }
  for (const key of Object.keys(definition.metadata?.sample_input ?? {})) keys.add(key);
  return [...keys].sort();
}

/** Where in a condition an error is, from its message; null when it does not say. @param {string} message */
export function columnOf(message) {
  const found = /column (\d+)/.exec(message);
  return found ? Number(found[1]) : null;
}

export class ConditionField {
  /** @param {string} id @param {string} value @param {string[]} keys @param {(value: string) => void} onChange */
  constructor(id, value, keys, onChange) {
    this.keys = keys;
    this.onChange = onChange;
    this.at = -1;
    /** @type {string[]} */
    this.found = [];
    this.list = h("ul", { class: "completions", role: "listbox", id: `${id}-words`, "aria-label": "Completions", hidden: true });
    this.error = h("p", { class: "field-error", id: `${id}-error` });
    this.caret = h("pre", { class: "caret-line", "aria-hidden": "true", hidden: true });
    this.input = h("input", {
      class: "input mono", id, value, autocomplete: "off", spellcheck: "false", autocapitalize: "none", role: "combobox", placeholder: "always, when empty",
      "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": `${id}-words`, "aria-describedby": `${id}-error`,
      on: { input: () => (this.onChange(this.input.value), this.#complete()), keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event), blur: () => this.#show([]) },
    });
    this.element = h("div", { class: "field" }, h("label", { for: id }, "Condition"), h("div", { class: "completing" }, this.input, this.list), this.caret, this.error);
  }

  /** @param {string} message empty when it is right */
  setError(message) {
    if (this.error.textContent !== message) fill(this.error, message);
    this.input.setAttribute("aria-invalid", String(message !== ""));
    const column = columnOf(message);
    this.caret.hidden = column === null;
    if (column !== null) fill(this.caret, `${this.input.value}\n${" ".repeat(Math.max(0, column - 1))}^`);
  }

  get #word() {
    const before = this.input.value.slice(0, this.input.selectionStart ?? 0);
    return /(?<![\w.])[\w.]*$/.exec(before)?.[0] ?? "";
  }

  #complete() {
    const word = this.#word;
    const fits = (/** @type {string} */ one) => one.toLowerCase().startsWith(word.toLowerCase()) && one !== word;
    this.#show(word ? [...this.keys, ...WORDS].filter(fits).slice(0, MOST) : []);
  }

  /** @param {string[]} found @param {number} [at] */
  #show(found, at = -1) {
    this.found = found;
    this.at = at;
    this.list.hidden = found.length === 0;
    this.input.setAttribute("aria-expanded", String(found.length > 0));
    this.input.setAttribute("aria-activedescendant", at < 0 ? "" : `${this.input.id}-${at}`);
    fill(this.list, found.map((word, n) => h("li", {
      role: "option", id: `${this.input.id}-${n}`, "aria-selected": String(n === at),
      on: { pointerdown: (/** @type {Event} */ event) => (event.preventDefault(), this.#take(word)) },
    }, word)));
  }

  /** @param {string} word */
  #take(word) {
    const at = this.input.selectionStart ?? 0;
    this.input.setRangeText(word, at - this.#word.length, at, "end");
    this.#show([]);
    this.onChange(this.input.value);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.found.length) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.#show(this.found, (this.at + step + this.found.length) % this.found.length);
    else if (event.key === "Enter" && this.at >= 0) this.#take(this.found[this.at]);
    else if (event.key === "Escape") this.#show([]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
