// @ts-check
/** The graph as a list: the same nodes and edges, the same commands, for the keyboard, for screen readers, for phones and tests. */

import { button, fill, h, icon } from "../ui/dom.js";

/**
 * @typedef {import("./model.js").GraphModel} GraphModel
 * @typedef {{select: (key: string, kind: "node" | "edge") => void, add: (after: string) => void, connect: (from: string) => void,
 *   rename: (key: string) => void, remove: (keys: string[]) => void}} Commands
 */

export class Outline {
  /** @param {HTMLElement} root @param {{editable: boolean} & Commands} options */
  constructor(root, { editable, ...commands }) {
    this.root = root;
    this.editable = editable;
    this.commands = commands;
    this.selected = "";
    this.query = "";
    this.shown = "";
    root.addEventListener("keydown", (event) => this.#key(event));
    // A picture on each of thousands of buttons costs more than all the rest: they get theirs when they come into view.
    this.seeing = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) this.seeing.unobserve(target), illustrate(target);
    }, { root, rootMargin: "400px" });
  }

  /** @param {GraphModel} model @param {Map<string, number>} problems how many each node or edge has */
  show(model, problems) {
    this.model = model;
    this.problems = problems;
    const shown = JSON.stringify([model.definition(), model.nodes.map((view) => view.pin), [...problems], this.query, this.selected]);
    if (shown === this.shown) return;
    this.shown = shown;
    const focused = document.activeElement instanceof HTMLElement && this.root.contains(document.activeElement) ? document.activeElement.dataset.at : null;
    const query = this.query.toLowerCase();
    const nodes = model.nodes.filter(({ node }) => `${node.node_id} ${node.label ?? ""} ${node.tool}`.toLowerCase().includes(query));
    fill(this.root, h("ol", { class: "outline-list" }, nodes.map((view) => this.#node(model, view))),
      nodes.length ? null : h("p", { class: "note pad" }, query ? "No node matches." : "The graph has no nodes yet."));
    for (const row of this.root.querySelectorAll(".outline-node")) this.seeing.observe(row);
    if (focused) /** @type {HTMLElement | null} */ (this.root.querySelector(`[data-at="${CSS.escape(focused)}"]`))?.focus();
  }

  /** @param {string} key */
  select(key) {
    this.selected = key;
    if (this.model && this.problems) this.show(this.model, this.problems);
    this.root.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  }

  /** @param {string} query */
  search(query) {
    this.query = query;
    if (this.model && this.problems) this.show(this.model, this.problems);
  }

  /** @param {GraphModel} model @param {import("./model.js").NodeView} view */
  #node(model, view) {
    const { key, node } = view;
    const faults = this.problems?.get(key) ?? 0;
    const name = node.label || node.node_id;
    const edges = model.edges.filter((edge) => edge.from === key);
    return h("li", { class: "outline-node", data: { key } },
      h("div", { class: "outline-row" },
        h("button", { type: "button", class: "outline-name", "aria-current": String(this.selected === key), data: { at: `node:${key}` }, on: { click: () => this.commands.select(key, "node") } },
          h("strong", null, name), h("span", { class: "note" }, node.tool),
          view.entry && h("span", { class: "tag busy" }, "Entry"), view.pin && h("span", { class: "tag" }, "Pinned"),
          faults > 0 && h("span", { class: "tag bad" }, icon("triangle-alert"), `${faults} problem${faults > 1 ? "s" : ""}`)),
        this.editable && h("span", { class: "outline-actions" },
          button(`Add a node after ${name}`, () => this.commands.add(key), { hideLabel: true, class: "quiet square small", data: { at: `add:${key}`, icon: "plus" } }),
          button(`Connect ${name}`, () => this.commands.connect(key), { hideLabel: true, class: "quiet square small", data: { at: `connect:${key}`, icon: "spline" } }),
          button(`Rename ${name}`, () => this.commands.rename(key), { hideLabel: true, class: "quiet square small", data: { at: `rename:${key}`, icon: "pencil" } }),
          button(`Delete ${name}`, () => this.commands.remove([key]), { hideLabel: true, class: "quiet square small danger", data: { at: `delete:${key}`, icon: "trash-2" } }))),
      edges.length > 0 && h("ul", { class: "outline-edges" }, edges.map((edge) => this.#edge(model, edge))));
  }

  /** @param {GraphModel} model @param {import("./model.js").EdgeView} view */
  #edge(model, { key, to, edge, fallback }) {
    const target = model.nodeOf(to)?.node;
    const name = target?.label || target?.node_id;
    const words = [h("span", { class: "icon", data: { icon: fallback ? "triangle-alert" : "corner-down-right" } }), h("span", null, name), fallback ? h("em", null, "on error") : edge.condition && h("code", null, `if ${edge.condition}`)];
    const faults = this.problems?.get(key) ?? 0;
    if (fallback) return h("li", { class: "outline-row" }, h("span", { class: "outline-name plain" }, words));
    return h("li", { class: "outline-row", data: { key } },
      h("button", { type: "button", class: "outline-name", "aria-label": `Edge to ${name}${edge.condition ? ` if ${edge.condition}` : ""}`, "aria-current": String(this.selected === key), data: { at: `edge:${key}` }, on: { click: () => this.commands.select(key, "edge") } },
        words, faults > 0 && h("span", { class: "tag bad" }, icon("triangle-alert"), String(faults))),
      this.editable && h("span", { class: "outline-actions" },
        button(`Delete the edge to ${name}`, () => this.commands.remove([key]), { hideLabel: true, class: "quiet square small danger", data: { at: `delete:${key}`, icon: "trash-2" } })));
  }

  /** Arrows go from name to name; F2 renames, Delete deletes. @param {KeyboardEvent} event */
  #key(event) {
    const row = event.target instanceof Element ? event.target.closest("[data-key]") : null;
    const key = row?.getAttribute("data-key") ?? "";
    const names = /** @type {HTMLElement[]} */ ([...this.root.querySelectorAll("button.outline-name")]);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) names[names.findIndex((one) => one === document.activeElement) + step]?.focus();
    else if (event.key === "Delete" && key && this.editable) this.commands.remove([key]);
    else if (event.key === "F2" && this.model?.nodeOf(key) && this.editable) this.commands.rename(key);
    else return;
    event.preventDefault();
  }
}

/** Puts the icons that are named into a row. @param {Element} row */
function illustrate(row) {
  for (const part of row.querySelectorAll("[data-icon]")) {
    const picture = icon(/** @type {HTMLElement} */ (part).dataset.icon ?? "");
    if (part.matches("button")) part.replaceChildren(picture);
    else part.replaceWith(picture);
  }
}
