// @ts-check
/** Dialogs of the canvas: a node's tool, where an edge leads, a new name, a run's input, a version's number. */

import { button, fill, h } from "../ui/dom.js";

/**
 * Asks for a few values. Resolves to null when it is left.
 * @param {{title: string, confirm: string, words?: string, fields: {name: string, label: string, value?: string, kind?: "text" | "choice" | "many" | "json" | "long",
 *   choices?: [string, string][], required?: boolean, note?: string}[]}} question
 * @returns {Promise<Record<string, string> | null>}
 */
export function asked({ title, confirm, words, fields }) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "asked-title" });
    const controls = fields.map((one) => {
      const id = `asked-${one.name}`;
      const props = { class: "input", id, name: one.name, required: one.required ?? false, value: one.value ?? "", autocomplete: "off", spellcheck: "false" };
      if (one.kind === "many") return many(one, id);
      const control = one.kind === "choice"
        ? h("select", { class: "select wide", id, name: one.name, required: one.required ?? false }, (one.choices ?? []).map(([value, label]) => h("option", { value, selected: value === one.value }, label)))
        : one.kind === "json" || one.kind === "long" ? h("textarea", { ...props, class: one.kind === "json" ? "input mono" : "input", rows: one.kind === "json" ? "8" : "3" }) : h("input", { ...props, type: "text", maxlength: "200" });
      const error = h("p", { class: "field-error", id: `${id}-error`, hidden: true });
      control.setAttribute("aria-describedby", `${id}-error`);
      return { ...one, control, error, element: h("div", { class: "field" }, h("label", { for: id }, one.label), control, one.note && h("p", { class: "note" }, one.note), error) };
    });
    let answer = /** @type {Record<string, string> | null} */ (null);
    const form = h("form", {
      method: "dialog", class: "stack",
      on: { submit: (/** @type {Event} */ event) => {
        const wrong = controls.find((one) => one.kind === "json" && !isJson(one.control.value));
        if (wrong) {
          event.preventDefault();
          wrong.error.hidden = false;
          fill(wrong.error, isObject(wrong.control.value));
          return wrong.control.focus();
        }
        answer = Object.fromEntries(controls.map((one) => [one.name, one.control.value]));
      } },
    }, words && h("p", { class: "note" }, words), controls.map((one) => one.element),
    h("footer", null, button("Cancel", () => dialog.close()), h("button", { type: "submit", class: "button primary" }, confirm)));
    fill(dialog, h("header", null, h("h2", { id: "asked-title" }, title)), h("div", { class: "body" }, form));
    dialog.addEventListener("close", () => (dialog.remove(), resolve(answer)));
    document.body.append(dialog);
    dialog.showModal();
    const first = controls[0]?.control;
    first?.focus();
    if (first instanceof HTMLInputElement) first.select();
  });
}

/**
 * Asks with a form made from a JSON Schema. Resolves to null when it is left, else to {value}.
 * @param {{title: string, confirm: string, form: import("../refine/schema_form.js").SchemaForm}} question
 * @returns {Promise<{value: any} | null>}
 */
export function askedBy({ title, confirm, form }) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "asked-title" });
    let answer = /** @type {{value: any} | null} */ (null);
    const submit = (/** @type {Event} */ event) => {
      const { value, faults } = form.read();
      if (!faults.length) return void (answer = { value });
      event.preventDefault();
      form.showFaults(faults);
    };
    const body = h("form", { method: "dialog", class: "stack", novalidate: true, on: { submit } }, form.elements,
      h("footer", null, button("Cancel", () => dialog.close()), h("button", { type: "submit", class: "button primary" }, confirm)));
    fill(dialog, h("header", null, h("h2", { id: "asked-title" }, title)), h("div", { class: "body" }, body));
    dialog.addEventListener("close", () => (dialog.remove(), resolve(answer)));
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Several of some choices, as boxes to tick; its value is JSON. @param {any} one @param {string} id */
function many(one, id) {
  const chosen = new Set(JSON.parse(one.value ?? "[]"));
  const boxes = one.choices.map((/** @type {[string, string]} */ [value]) => h("input", { type: "checkbox", value, checked: chosen.has(value) }));
  const control = /** @type {any} */ ({ focus: () => boxes[0]?.focus(), get value() { return JSON.stringify(boxes.filter((/** @type {any} */ box) => box.checked).map((/** @type {any} */ box) => box.value)); } });
  const element = h("fieldset", { class: "field ticks", id }, h("legend", { class: "label" }, one.label), one.note && h("p", { class: "note" }, one.note),
    one.choices.map((/** @type {[string, string]} */ [, label], /** @type {number} */ at) => h("label", { class: "tick" }, boxes[at], label)));
  return { ...one, control, error: h("p", { hidden: true }), element };
}

/** @param {string} text */
const isJson = (text) => isObject(text) === "";

/** What is wrong with a text that should be a JSON object. @param {string} text */
function isObject(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? "" : "This must be a JSON object, such as {\"n\": 1}.";
  } catch (error) {
    return `This is not JSON: ${error instanceof Error ? error.message : error}`;
  }
}
