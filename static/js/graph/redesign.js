// @ts-check
/** A redesign under review: its changes as a list beside the drawing, each with its reason, its evidence and a decision. */

import { counted } from "../ui/plurals.js";
import { get, post } from "../net/api.js";
import { button, byId, fill, h, icon } from "../ui/dom.js";
import { announce, errorBanner } from "../ui/notices.js";
import { drawBoth, edgeKey, MARKS, marksOf, TONES } from "./comparing.js";

/** @typedef {{critical_path_ms: number, steps: number, nodes: number, cost_usd: string | null}} Estimate */
/** @typedef {{n: number, title: string, reason: string, nodes: string[], drops: string[], needs: number[], status: string, kind: string, by: string,
 *   evidence: {valid: boolean, before: Estimate, after: Estimate, source: string}}} Change */

const OVER = ["completed", "failed", "cancelled", "interrupted"];
const LOOK_MS = 400;
const STATES = /** @type {Record<string, [string, string, string]>} */ ({ open: ["", "circle-dashed", "To decide"], accepted: ["good", "check", "Accepted"], rejected: ["bad", "x", "Rejected"] });

/** @param {number} ms */
const time = (ms) => (ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms)} ms`);
/** @param {string | null} cost */
const money = (cost) => (cost === null ? "unknown" : Number(cost) === 0 ? "$0" : `$${Number(cost).toFixed(4)}`);

export class Redesign {
  /**
   * @param {{panel: HTMLElement, outline: HTMLElement, notices: HTMLElement, canvas: import("./canvas.js").Canvas, path: string,
   *   onReview: (on: boolean) => void, onSaved: (draft: any) => void}} options
   */
  constructor(options) {
    this.options = options;
    /** @type {any} the proposal under review */
    this.proposal = null;
    this.asking = false;
    /** A model's redesign that came while this one was being decided. */
    this.answer = "";
    this.panel = options.panel;
    this.panel.addEventListener("keydown", (event) => this.#key(event));
  }

  get isOpen() {
    return this.proposal !== null;
  }

  /** Asks for a redesign of what is drawn, or opens one there is. @param {string} [id] */
  async start(id = "") {
    try {
      const proposal = await (id ? get(`/v1/graph-proposals/${id}`) : post(`${this.options.path}/redesigns`));
      this.answer = "";
      this.#review(true);
      this.#show(proposal);
      this.options.canvas.camera.fit();
      const count = proposal.changes.length;
      announce(count ? `${count} change${count === 1 ? "" : "s"} proposed` : "There is nothing to change");
      this.panel.focus();
    } catch (error) {
      this.#failed("The graph was not redesigned", error);
    }
  }

  /** Has the built-in graph redesign what is drawn, a model's suggestions among it; what it costs is in the ledger. */
  async #askModel() {
    const asked = this.proposal;
    this.answer = "";
    const slug = this.options.path.split("/").at(-1);
    this.asking = true;
    this.#show(asked);
    announce("A model is asked for more");
    try {
      let run = await post("/v1/runs", { graph: "redesign_graph", initial_state: { graph: slug } });
      while (!OVER.includes(run.status)) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        run = await get(`/v1/runs/${run.id}`);
      }
      this.asking = false;
      if (this.proposal?.id !== asked.id) return;
      if (run.status === "completed") return await this.#answered(asked, run.state.graph_proposal);
      if (run.status === "interrupted") return location.assign(`/runs/${run.id}/`);
      throw new Error(run.error?.message ?? `The run was ${run.status}.`);
    } catch (error) {
      this.asking = false;
      if (this.proposal?.id === asked.id) this.#show(this.proposal);
      this.#failed("No model was asked", error);
    }
  }

  /** Opens what a model suggests; who has decided something meanwhile keeps that, and opens it when they are ready. @param {any} asked @param {string} id */
  #answered(asked, id) {
    if (this.proposal === asked) return this.start(id);
    this.answer = id;
    this.#show(this.proposal);
    announce("The model has answered");
  }

  close() {
    this.proposal = null;
    this.answer = "";
    fill(this.panel);
    this.#review(false);
  }

  /** While a redesign is reviewed, canvas and outline show it, and nothing is drawn. @param {boolean} on */
  #review(on) {
    byId("details").hidden = on;
    this.panel.hidden = !on;
    fill(byId("details-title"), on ? "Redesign" : "Details");
    this.options.onReview(on);
  }

  /** Brings the change that is about a node into view. @param {string} nodeId */
  pick(nodeId) {
    const change = this.proposal?.changes.find((/** @type {Change} */ one) => one.nodes.includes(nodeId));
    this.options.canvas.select([nodeId], { reveal: true });
    this.#card(change?.n)?.scrollIntoView({ block: "nearest" });
  }

  /** @param {string} what @param {unknown} error */
  #failed(what, error) {
    this.options.notices.replaceChildren(errorBanner(error, { what, kept: "The graph is as it was." }));
  }

  /** @param {string} call @param {any} [body] @param {string} [what] */
  async #post(call, body = {}, what = "") {
    try {
      this.#show(await post(`/v1/graph-proposals/${this.proposal.id}/${call}`, body));
      if (what) announce(what);
    } catch (error) {
      this.#failed("That was not decided", error);
    }
  }

  /** @param {number} n @param {"accept" | "reject"} how */
  #decide(n, how) {
    return this.#post(`changes/${n}/${how}`, { with_needed: true }, `Change ${n} ${how}ed`);
  }

  async #save() {
    try {
      const draft = await post(`/v1/graph-proposals/${this.proposal.id}/apply`);
      this.close();
      this.options.onSaved(draft);
    } catch (error) {
      this.#failed("The redesign was not saved", error);
    }
  }

  /** @param {any} proposal */
  #show(proposal) {
    const focused = document.activeElement instanceof HTMLElement && this.panel.contains(document.activeElement) ? document.activeElement.dataset.at : "";
    this.proposal = proposal;
    const marks = marksOf(proposal.preview);
    drawBoth(this.options.canvas, proposal.preview, marks);
    this.#outline(proposal.preview, marks);
    const { changes } = proposal;
    const accepted = changes.filter((/** @type {Change} */ one) => one.status === "accepted").length;
    const done = proposal.status !== "open";
    fill(this.panel,
      this.#summary(proposal, accepted),
      changes.length > 0 && !done && h("div", { class: "row" },
        button("Accept all", () => this.#post("decide", { decision: "accepted" }, "All accepted"), { icon: "check-check", class: "small", data: { at: "all" } }),
        button("Reject all", () => this.#post("decide", { decision: "rejected" }, "All rejected"), { icon: "x", class: "small", data: { at: "none" } }),
        changes.some((/** @type {Change} */ one) => one.kind === "tidy") && button("Layout only", () => this.#post("decide", { decision: "layout_only" }, "Only the layout is accepted"), { class: "small", data: { at: "layout" } })),
      h("ol", { class: "changes" }, changes.map((/** @type {Change} */ one) => this.#change(one, changes, done))),
      this.#beyond(proposal, done),
      changes.length > 0 && h("p", { class: "note" }, "Keys in this list: arrows go from change to change, A accepts, R rejects."),
      h("div", { class: "row" },
        !done && button(`Save ${accepted} as a draft`, () => this.#save(), { icon: "check", class: "primary", disabled: accepted === 0, data: { at: "save" } }),
        button("Close", () => this.close(), { data: { at: "close" } })));
    if (focused) /** @type {HTMLElement | null} */ (this.panel.querySelector(`[data-at="${focused}"]`) ?? this.panel).focus();
  }

  /** @param {any} proposal @param {number} accepted */
  #summary({ before, after, result, changes, status }, accepted) {
    if (!changes.length) return h("p", null, icon("circle-check"), " Nothing to change: no node is without use, and nothing waits without need.");
    const row = (/** @type {string} */ name, /** @type {(one: Estimate) => string} */ value) =>
      h("tr", null, h("th", { scope: "row" }, name), h("td", null, value(before)), h("td", null, value(result.estimate)), h("td", null, value(after)));
    return h("div", { class: "stack tight" },
      status !== "open" && h("p", { class: "tag good" }, icon("check"), "Saved as a draft"),
      h("table", { class: "estimates" }, h("caption", { class: "visually-hidden" }, "Estimates of the graph"),
        h("thead", null, h("tr", null, h("td"), h("th", { scope: "col" }, "Now"), h("th", { scope: "col" }, `${accepted} accepted`), h("th", { scope: "col" }, `All ${changes.length}`))),
        h("tbody", null, row("Longest way", (one) => time(one.critical_path_ms)), row("Its steps", (one) => String(one.steps)), row("Nodes", (one) => String(one.nodes)), row("Cost of a run", (one) => money(one.cost_usd)))),
      h("p", { class: "note" }, changes.at(-1).evidence.source));
  }

  /** What a model was asked beyond the rules; else the way to ask one. @param {any} proposal @param {boolean} done */
  #beyond({ suggested }, done) {
    if (!suggested && this.answer) return h("div", { class: "row" },
      h("span", { class: "note" }, "The model has answered; what is decided here stays in this proposal."),
      button("Open its redesign", () => this.start(this.answer), { icon: "sparkles", class: "small", data: { at: "ask" } }));
    if (!suggested) return !done && h("div", { class: "row" },
      button(this.asking ? "A model is asked…" : "Ask a model for more", () => this.#askModel(), { icon: this.asking ? "loader-circle" : "sparkles", class: "small", disabled: Boolean(this.asking), data: { at: "ask" } }));
    const left = suggested.left_out;
    return h("div", { class: "stack tight" }, suggested.note && h("p", { class: "note" }, suggested.note),
      left.length > 0 && h("details", { class: "left-out" }, h("summary", null, `${left.length} suggestion${left.length === 1 ? "" : "s"} of ${suggested.by} left out`),
        h("ul", { class: "stack tight" }, left.map((/** @type {{title: string, why: string}} */ one) => h("li", null, h("strong", null, one.title), `: ${one.why}.`)))));
  }

  /** @param {Change} change @param {Change[]} all @param {boolean} done */
  #change({ n, title, reason, needs, drops, status, evidence, by }, all, done) {
    const [tone, sign, words] = STATES[status];
    const { before, after } = evidence;
    const facts = [
      time(before.critical_path_ms) !== time(after.critical_path_ms) && `longest way ${time(before.critical_path_ms)} → ${time(after.critical_path_ms)}`,
      before.steps !== after.steps && `${before.steps} → ${counted(after.steps, "step")}`,
      before.nodes !== after.nodes && `${before.nodes} → ${counted(after.nodes, "node")}`,
      before.cost_usd !== after.cost_usd && `cost ${money(before.cost_usd)} → ${money(after.cost_usd)}`,
      evidence.valid ? "valid" : "not yet valid",
    ].filter(Boolean).join(" · ");
    const missing = needs.filter((one) => all.find((other) => other.n === one)?.status !== "accepted");
    const more = missing.length ? `, with ${missing.join(", ")}` : "";
    return h("li", { class: "card change", tabindex: "0", data: { n: String(n), at: `change:${n}`, status }, "aria-label": `Change ${n}: ${title}. ${words}` },
      h("p", { class: "change-title" }, h("strong", null, `${n}. ${title}`), h("span", { class: `tag ${tone}` }, icon(sign), words)),
      h("p", null, reason),
      by && h("p", { class: "note" }, icon("sparkles"), ` Suggested by ${by}: see that the graph still does what you want.`),
      drops.length > 0 && h("p", { class: "note" }, `No longer in the final state on those ways: ${drops.join(", ")}.`),
      h("p", { class: "note" }, facts),
      needs.length > 0 && h("p", { class: "note" }, `Needs change ${needs.join(", ")}.`),
      !done && h("div", { class: "row" },
        button(`Accept${more}`, () => this.#decide(n, "accept"), { icon: "check", class: "small", disabled: status === "accepted", "aria-label": `Accept change ${n}${more}`, data: { at: `accept:${n}` } }),
        button("Reject", () => this.#decide(n, "reject"), { icon: "x", class: "small", disabled: status === "rejected", "aria-label": `Reject change ${n}`, data: { at: `reject:${n}` } })));
  }

  /** The drawing's twin: both definitions as one list. @param {any} found @param {import("./comparing.js").Marks} marks */
  #outline({ definition }, { nodes, edges }) {
    const tag = (/** @type {string | undefined} */ state) => state && h("span", { class: `tag ${TONES[state]}` }, MARKS[state]);
    fill(this.options.outline, h("ol", { class: "outline-list" }, definition.nodes.map((/** @type {any} */ node) => h("li", { class: "outline-node" },
      h("div", { class: "outline-row" }, h("button", { type: "button", class: "outline-name", on: { click: () => this.pick(node.node_id) } },
        h("strong", null, node.label || node.node_id), h("span", { class: "note" }, node.tool), tag(nodes.get(node.node_id)))),
      h("ul", { class: "outline-edges" }, definition.edges.filter((/** @type {any} */ edge) => edge.from_node === node.node_id).map((/** @type {any} */ edge) =>
        h("li", { class: "outline-row" }, h("span", { class: "outline-name plain" }, icon("corner-down-right"), edge.to_node, edge.condition && h("code", null, `if ${edge.condition}`), tag(edges.get(edgeKey(edge)))))))))));
  }

  /** @param {number | string | undefined} n @returns {HTMLElement | null} */
  #card(n) {
    return this.panel.querySelector(`[data-at="change:${n}"]`);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const card = event.target instanceof Element ? event.target.closest("[data-n]") : null;
    if (!(card instanceof HTMLElement) || event.ctrlKey || event.metaKey || event.altKey) return;
    const n = Number(card.dataset.n);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const open = this.proposal.status === "open";
    if (step) this.#card(n + step)?.focus();
    else if (event.key === "a" && open) this.#decide(n, "accept");
    else if (event.key === "r" && open) this.#decide(n, "reject");
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
