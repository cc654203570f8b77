// @ts-check
/** A form made from a JSON Schema: which controls it has, and the JSON value that they hold. */

import { fill, h } from "../ui/dom.js";

/**
 * @typedef {any} Schema
 * @typedef {{key: string | null, kind: "text" | "number" | "yes-no" | "choice" | "json", label: string, note: string, required: boolean,
 *   nullable: boolean, schema: Schema, value: any}} Field `key`: the property it is, null where it is the whole answer
 * @typedef {{pointer: string, message: string}} Fault
 */

/** Up to so many choices lie open; more are a list to choose from. */
const OPEN_CHOICES = 5;
const LONG_TEXT = 120;
/** @type {Record<string, string>} */
const FORMATS = { date: "date", email: "email", time: "time", uri: "url" };

/** @param {Schema} schema @returns {{kind: Field["kind"], nullable: boolean}} */
function kindOf(schema) {
  if (schema === null || schema === undefined) return { kind: "text", nullable: false };
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return { kind: "choice", nullable: false };
  const types = [schema.type].flat();
  const nullable = types.length > 1 && types.includes("null");
  const [type, ...more] = types.filter((each) => each !== "null");
  if (more.length > 0) return { kind: "json", nullable: false };
  if (type === "string") return { kind: "text", nullable };
  if (type === "number" || type === "integer") return { kind: "number", nullable };
  if (type === "boolean") return { kind: "yes-no", nullable };
  return { kind: "json", nullable: false };
}

/** @param {string} key */
const words = (key) => key.charAt(0).toUpperCase() + key.slice(1).replaceAll("_", " ");

/**
 * The fields of a schema: one for each property of an object, else one for the whole answer.
 * @param {Schema} schema null: any text
 * @param {any} value what is filled in
 * @returns {Field[]}
 */
export function fieldsOf(schema, value) {
  const properties = schema?.type === "object" && schema.properties && !schema.enum ? Object.entries(schema.properties) : [];
  if (properties.length === 0) {
    const filled = value ?? schema?.default;
    const note = schema?.description ?? "";
    return [{ key: null, ...kindOf(schema), label: schema?.title ?? "Your answer", note, required: true, schema: schema ?? {}, value: filled }];
  }
  return properties.map(([key, inner]) => ({
    key,
    ...kindOf(inner),
    label: inner?.title ?? words(key),
    note: inner?.description ?? "",
    required: (schema.required ?? []).includes(key),
    schema: inner,
    value: value?.[key] ?? inner?.default,
  }));
}

/** @param {any} choice */
const choiceLabel = (choice) => (typeof choice === "string" ? choice : JSON.stringify(choice));

/** @param {string} id @param {Field} field @param {[string, string, boolean][]} choices label, value, chosen */
function radios(id, field, choices) {
  return h("div", { class: "choices", id }, choices.map(([label, value, chosen]) =>
    h("label", { class: "choice" }, h("input", { type: "radio", name: id, value, checked: chosen, required: field.required }), label)));
}

/** @param {string} id @param {Field} field @returns {HTMLElement} */
function choice(id, field) {
  /** @type {any[]} */
  const all = field.schema.enum;
  const chosen = JSON.stringify(field.value);
  const options = all.map((each, i) => /** @type {[string, string, boolean]} */ ([choiceLabel(each), String(i), JSON.stringify(each) === chosen]));
  if (options.length <= OPEN_CHOICES) return radios(id, field, options);
  return h("select", { class: "select", id, required: field.required },
    h("option", { value: "" }, "Choose…"),
    options.map(([label, value, is]) => h("option", { value, selected: is }, label)));
}

/** @param {string} id @param {Field} field @returns {HTMLElement} */
function textControl(id, field) {
  const { maxLength, minLength, format } = field.schema;
  const props = {
    class: "input", id, required: field.required && (minLength ?? 1) > 0, maxlength: maxLength ?? null, minlength: minLength ?? null,
    value: field.value === undefined || field.value === null ? "" : String(field.value), autocomplete: "off",
  };
  const type = FORMATS[format];
  if (type) return h("input", { ...props, type });
  const long = (maxLength ?? Infinity) > LONG_TEXT;
  return long ? h("textarea", { ...props, rows: "2" }) : h("input", { ...props, type: "text" });
}

/** @param {string} id @param {Field} field @returns {HTMLElement} */
function controlOf(id, field) {
  const filled = field.value === undefined || field.value === null ? "" : field.value;
  switch (field.kind) {
    case "text":
      return textControl(id, field);
    case "number": {
      const whole = [field.schema.type].flat().includes("integer");
      return h("input", { class: "input", id, type: "number", step: whole ? "1" : "any", min: field.schema.minimum ?? null,
        max: field.schema.maximum ?? null, required: field.required && !field.nullable, value: String(filled), autocomplete: "off" });
    }
    case "yes-no":
      return radios(id, field, [["Yes", "true", field.value === true], ["No", "false", field.value === false]]);
    case "choice":
      return choice(id, field);
    case "json":
      return h("textarea", { class: "input mono", id, rows: "4", spellcheck: "false", required: field.required && !field.nullable,
        value: field.value === undefined ? "" : JSON.stringify(field.value, null, 2) });
  }
}

export class SchemaForm {
  /** @param {string} id what its controls' ids begin with @param {Schema} schema @param {any} value */
  constructor(id, schema, value) {
    this.parts = fieldsOf(schema, value).map((field, i) => this.#part(`${id}-${i}`, field));
    this.whole = this.parts.length === 1 && this.parts[0].field.key === null;
    this.elements = this.parts.map((part) => part.element);
  }

  /** @param {string} id @param {Field} field */
  #part(id, field) {
    const control = controlOf(id, field);
    const grouped = control.classList.contains("choices");
    const error = h("p", { class: "field-error", id: `${id}-error`, hidden: true });
    const note = [field.note, field.kind === "json" && "As JSON", !field.required && "Optional"].filter(Boolean).join(" · ");
    const more = note && h("p", { class: "note", id: `${id}-note` }, note);
    const described = [`${id}-error`, note && `${id}-note`].filter(Boolean).join(" ");
    if (!grouped) control.setAttribute("aria-describedby", described);
    const element = grouped
      ? h("fieldset", { class: "field", "aria-describedby": described }, h("legend", { class: "label" }, field.label), more, control, error)
      : h("div", { class: "field" }, h("label", { for: id }, field.label), more, control, error);
    const inputs = /** @type {(HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement)[]} */ (
      grouped ? [...control.querySelectorAll("input")] : [control]
    );
    return { field, element, inputs, error };
  }

  /**
   * What the controls hold, or what is wrong with it.
   * @returns {{value: any, faults: Fault[]}}
   */
  read() {
    /** @type {Fault[]} */
    const faults = [];
    /** @type {Record<string, any>} */
    const object = {};
    /** @type {any} */
    let single;
    for (const part of this.parts) {
      const { key } = part.field;
      const invalid = part.inputs.find((input) => !input.validity.valid);
      const { value, fault } = invalid ? { value: undefined, fault: invalid.validationMessage } : valueOf(part.field, part.inputs);
      if (fault) faults.push({ pointer: key === null ? "" : `/${key}`, message: fault });
      else if (key === null) single = value;
      else if (value !== undefined) object[key] = value;
    }
    return { value: this.whole ? single : object, faults };
  }

  /** Shows faults at their fields, and goes to the first. @param {Fault[]} faults @returns {Fault[]} those that have no field here */
  showFaults(faults) {
    const rest = [...faults];
    /** @type {HTMLElement | undefined} */
    let first;
    for (const { field, inputs, error } of this.parts) {
      const own = rest.filter(({ pointer }) => field.key === null || pointer === `/${field.key}` || pointer.startsWith(`/${field.key}/`));
      for (const fault of own) rest.splice(rest.indexOf(fault), 1);
      error.hidden = own.length === 0;
      fill(error, own.map((fault) => fault.message).join(" "));
      for (const input of inputs) input.setAttribute("aria-invalid", String(own.length > 0));
      if (own.length > 0) first ??= inputs[0];
    }
    first?.focus();
    return rest;
  }

  /** @param {boolean} disabled */
  set disabled(disabled) {
    for (const { inputs } of this.parts) for (const input of inputs) input.disabled = disabled;
  }
}

/** @param {Field} field @param {(HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement)[]} inputs @returns {{value?: any, fault?: string}} */
function valueOf(field, inputs) {
  const group = inputs.some((input) => input.type === "radio");
  const chosen = group ? inputs.find((input) => input instanceof HTMLInputElement && input.checked) : inputs[0];
  const text = chosen?.value ?? "";
  const empty = field.kind === "text" ? text === "" && (!field.required || field.nullable) : text.trim() === "";
  if (empty) return { value: field.nullable ? null : undefined };
  if (field.kind === "number") return { value: Number(text) };
  if (field.kind === "yes-no") return { value: text === "true" };
  if (field.kind === "choice") return { value: field.schema.enum[Number(text)] };
  if (field.kind === "text") return { value: text };
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { fault: `This is not JSON: ${error instanceof Error ? error.message : error}` };
  }
}
