// @ts-check
/** The panel for what is selected: a node with its tool and the form of its config, an edge with its condition, or the graph. */

import { SchemaForm } from "../refine/schema_form.js";
import { button, fill, h } from "../ui/dom.js";
import { ConditionField, stateKeys } from "./condition.js";

/**
 * @typedef {import("./model.js").GraphModel} GraphModel
 * @typedef {{name: string, description: string, config: any, inputs: string[], outputs: string[]}} Tool
 * @typedef {{pointer: string, code: string, message: string}} Problem
 */

const CHOICES = /** @type {const} */ ({
  join: ["all", "any", "first"], route: ["first", "every"], on_error: ["fail_fast", "continue", "fallback"],
});
/** @type {Record<string, string>} */
const LABELS = { join: "Starts when", route: "Conditional edges taken", on_error: "When it fails", all: "all that can come have come", any: "each time one comes",
  first: "the first", every: "every one that holds", fail_fast: "the run fails", continue: "the run goes on", fallback: "another node runs" };

/** @param {string} id @param {string} label @param {HTMLElement} control @param {...any} more */
const field = (id, label, control, ...more) => h("div", { class: "field" }, h("label", { for: id }, label), control, more.flat());

export class Details {
  /** @param {HTMLElement} root @param {{editable: boolean, tools: Map<string, Tool>, select: (key: string, kind: "node" | "edge") => void,
   *   connect: (from: string) => void, remove: (keys: string[]) => void, ungroup: (key: string) => void}} options */
  constructor(root, options) {
    this.root = root;
    this.options = options;
    this.key = "";
    /** What is shown, apart from the values that its own fields hold, and these as they were when it was made. */
    [this.frame, this.values] = ["", ""];
    /** @type {(() => void) | null} brings errors up to date */
    this.refresh = null;
  }

  /** @param {GraphModel} model @param {string} key @param {(key: string) => Problem[]} problemsOf */
  show(model, key, problemsOf) {
    this.model = model;
    this.problemsOf = problemsOf;
    const node = model.nodeOf(key);
    const edge = model.edgeOf(key);
    const inside = this.root.contains(document.activeElement);
    // While somebody is here, the fields stay as they are, and so does what has the focus; only what is said of them changes.
    const frame = JSON.stringify([key, node?.node.tool, node?.node.on_error, node?.entry, model.nodes.map((one) => one.node.node_id), model.drawnEdges.map((one) => [one.key, one.from, one.to])]);
    const values = JSON.stringify([node?.node, node?.pin, edge, model.name]);
    const stays = frame === this.frame && ((inside && key === this.key) || values === this.values);
    this.key = key;
    if (!stays) {
      this.frame = frame;
      this.values = values;
      const at = inside ? document.activeElement?.id : "";
      this.refresh = null;
      fill(this.root, node ? this.#node(model, node) : edge ? this.#edge(model, edge) : this.#graph(model));
      for (const control of this.root.querySelectorAll("input, select, textarea")) if (!this.options.editable) /** @type {any} */ (control).disabled = true;
      if (at) document.getElementById(at)?.focus();
    }
    this.refresh?.();
  }

  focus() {
    /** @type {HTMLElement | null} */ (this.root.querySelector("input, select, textarea, button"))?.focus();
  }

  /** @param {GraphModel} model @param {import("./model.js").NodeView} view */
  #node(model, { key, node, entry, pin }) {
    const tool = this.options.tools.get(node.tool);
    const faults = h("div", { class: "stack tight" });
    const id = h("input", { class: "input mono", id: "node-id", value: node.node_id, maxlength: "200", autocomplete: "off", spellcheck: "false",
      on: { change: () => id.value.trim() && model.setNode(key, { node_id: id.value.trim() }) } });
    const label = h("input", { class: "input", id: "node-label", value: node.label ?? "", maxlength: "200", autocomplete: "off", on: { change: () => model.setNode(key, { label: label.value.trim() }) } });
    const chosen = h("select", { class: "select wide", id: "node-tool", on: { change: () => model.setNode(key, { tool: chosen.value, config: defaults(this.options.tools.get(chosen.value)) }) } },
      [...this.options.tools.values()].map((one) => h("option", { value: one.name, selected: one.name === node.tool }, one.name)),
      !tool && h("option", { value: node.tool, selected: true }, `${node.tool} (not here)`));
    const form = this.#config(model, key, node, tool);
    this.refresh = () => this.#faults(faults, key, form);
    return [faults, field("node-id", "Name", id), field("node-label", "Label", label, h("p", { class: "note" }, "Optional; shown instead of the name.")),
      field("node-tool", "Tool", chosen, tool?.description && h("p", { class: "note" }, tool.description)),
      h("fieldset", { class: "stack tight" }, h("legend", { class: "label" }, "Config"), form.elements),
      this.#more(model, key, node), this.#edgesOf(model, key),
      this.options.editable && h("div", { class: "row" },
        !entry && button("Make it the entry", () => model.setGraph({ entry: key }), { class: "small", icon: "play", id: "node-entry" }),
        pin && button("Unpin", () => model.pin(new Map([[key, null]])), { class: "small", id: "node-unpin" }),
        node.tool === "graph" && button("Ungroup", () => this.options.ungroup(key), { class: "small", icon: "network", id: "node-ungroup" }),
        button("Delete the node", () => this.options.remove([key]), { class: "small danger", icon: "trash-2", id: "node-delete" }))];
  }

  /** @param {GraphModel} model @param {string} key @param {any} node @param {Tool | undefined} tool */
  #config(model, key, node, tool) {
    const schema = tool && tool.config.properties ? { type: "object", ...tool.config } : { type: "object", title: "As JSON" };
    const form = new SchemaForm("config", schema, node.config ?? {});
    const read = () => {
      const { value, faults } = form.read();
      for (const { error } of form.parts) error.hidden = true;
      if (!faults.length) return model.setNode(key, { config: { ...value } });
      for (const fault of faults) {
        const part = form.parts.find((one) => fault.pointer === (one.field.key === null ? "" : `/${one.field.key}`));
        if (part) (part.error.hidden = false), fill(part.error, fault.message);
      }
    };
    for (const element of form.elements) element.addEventListener("change", read);
    return form;
  }

  /** @param {GraphModel} model @param {string} key @param {any} node */
  #more(model, key, node) {
    const pick = (/** @type {keyof typeof CHOICES} */ name) => {
      const select = h("select", { class: "select wide", id: `node-${name}`, on: { change: () => model.setNode(key, { [name]: select.value }) } },
        CHOICES[name].map((value) => h("option", { value, selected: (node[name] ?? CHOICES[name][0]) === value }, LABELS[value])));
      return field(`node-${name}`, LABELS[name], select);
    };
    const number = (/** @type {string} */ id, /** @type {string} */ label, /** @type {any} */ value, /** @type {(value: number | undefined) => void} */ set, step = "any") => {
      const input = h("input", { class: "input", id, type: "number", min: "0", step, value: value ?? "", on: { change: () => input.validity.valid && set(input.value === "" ? undefined : Number(input.value)) } });
      return field(id, label, input);
    };
    const fallback = h("select", { class: "select wide", id: "node-fallback", on: { change: () => model.setNode(key, { fallback: fallback.value }) } },
      h("option", { value: "" }, "Choose…"),
      model.nodes.filter((one) => one.key !== key).map((one) => h("option", { value: one.key, selected: node.fallback === one.node.node_id }, one.node.node_id)));
    return h("details", { class: "more" }, h("summary", null, "Time, tries, errors"),
      number("node-timeout", "At most (seconds)", node.timeout_s, (value) => model.setNode(key, { timeout_s: value })),
      number("node-attempts", "Attempts", node.retry?.max_attempts, (value) => model.setNode(key, { retry: value === undefined ? undefined : { ...node.retry, max_attempts: value } }), "1"),
      pick("on_error"), (node.on_error === "fallback" || node.fallback) && field("node-fallback", "Fallback", fallback), pick("join"), pick("route"));
  }

  /** @param {GraphModel} model @param {string} key */
  #edgesOf(model, key) {
    const name = (/** @type {string} */ other) => model.nodeOf(other)?.node.node_id;
    const edges = model.drawnEdges.filter((edge) => edge.from === key || edge.to === key);
    return h("div", { class: "stack tight" }, h("h3", null, "Edges"),
      h("ul", { class: "edge-list" }, edges.map((edge) => h("li", null,
        button(`${edge.from === key ? `to ${name(edge.to)}` : `from ${name(edge.from)}`}${edge.edge.condition ? ` if ${edge.edge.condition}` : ""}`, () => this.options.select(edge.key, "edge"), { class: "quiet small", icon: edge.from === key ? "arrow-right" : "arrow-left" })))),
      edges.length ? null : h("p", { class: "note" }, "None yet."),
      this.options.editable && h("div", null, button("Connect to…", () => this.options.connect(key), { class: "small", icon: "spline" })));
  }

  /** @param {GraphModel} model @param {import("./model.js").EdgeView} view */
  #edge(model, { key, from, to, edge }) {
    const ends = h("p", null, h("strong", null, model.nodeOf(from)?.node.node_id), " to ", h("strong", null, model.nodeOf(to)?.node.node_id));
    const keys = stateKeys(model.definition(), this.options.tools);
    const condition = new ConditionField("edge-condition", edge.condition ?? "", keys, (value) => model.setEdge(key, { condition: value, type: value ? "conditional" : undefined }));
    const label = h("input", { class: "input", id: "edge-label", value: edge.label ?? "", maxlength: "200", autocomplete: "off", on: { change: () => model.setEdge(key, { label: label.value.trim() }) } });
    const rest = h("div", { class: "stack tight" });
    this.refresh = () => {
      const problems = this.problemsOf?.(key) ?? [];
      const own = problems.filter((one) => one.pointer.endsWith("/condition"));
      condition.setError(own.map((one) => one.message).join(" "));
      fill(rest, problems.filter((one) => !own.includes(one)).map((one) => h("p", { class: "field-error" }, one.message)));
    };
    return [ends, rest, condition.element, field("edge-label", "Label", label),
      this.options.editable && h("div", { class: "row" },
        button("Try it earlier", () => model.moveEdge(key, -1), { class: "small", icon: "arrow-up", id: "edge-earlier" }), button("Try it later", () => model.moveEdge(key, 1), { class: "small", icon: "arrow-down", id: "edge-later" }),
        button("Delete the edge", () => this.options.remove([key]), { class: "small danger", icon: "trash-2", id: "edge-delete" }))];
  }

  /** @param {GraphModel} model */
  #graph(model) {
    const most = h("input", { class: "input", id: "graph-iterations", type: "number", min: "1", step: "1", value: String(model.meta.get("max_iterations") ?? 100), on: { change: () => model.setGraph({ max_iterations: Number(most.value) || undefined }) } });
    const about = h("textarea", { class: "input", id: "graph-about", rows: "3", maxlength: "2000", value: model.meta.get("description") ?? "", on: { change: () => model.setGraph({ description: about.value.trim() }) } });
    const faults = h("div", { class: "stack tight" });
    this.refresh = () => this.#faults(faults, "");
    return [faults, h("p", { class: "note" }, "Select a node or an edge to see and change it. This is the graph itself."),
      field("graph-about", "Description", about), field("graph-iterations", "A loop goes round at most", most)];
  }

  /** @param {HTMLElement} element @param {string} key @param {SchemaForm} [form] */
  #faults(element, key, form) {
    const problems = this.problemsOf?.(key) ?? [];
    const inConfig = (/** @type {Problem} */ one) => /\/config(\/|$)/.exec(one.pointer);
    fill(element, problems.map((one) => h("p", { class: "field-error" }, `${inConfig(one) ? `${one.pointer.split("/config")[1] || "Config"}: ` : ""}${one.message}`)));
    for (const { field: { key: name }, inputs } of form?.parts ?? []) {
      const faulty = problems.some((one) => name !== null && one.pointer.includes(`/config/${name}`));
      for (const input of inputs) input.setAttribute("aria-invalid", String(faulty));
    }
  }
}

/** What a new node of a tool begins with: the defaults of its schema. @param {Tool | undefined} tool */
export function defaults(tool) {
  /** @type {Record<string, any>} */
  const config = {};
  /** @type {Record<string, any>} */
  const empty = { object: {}, array: [], string: "", number: 0, integer: 0, boolean: false };
  for (const [name, schema] of Object.entries(tool?.config?.properties ?? {})) {
    if (/** @type {any} */ (schema).default !== undefined) config[name] = /** @type {any} */ (schema).default;
    else if ((tool?.config.required ?? []).includes(name)) config[name] = empty[/** @type {any} */ (schema).type] ?? "";
  }
  return config;
}
