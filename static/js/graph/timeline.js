// @ts-check
/** A run's steps as a list that stays quick with ten thousand of them: only what is seen is in the page. */

import { fill, h, icon } from "../ui/dom.js";
import { duration } from "../ui/time.js";
import { s } from "./canvas.js";

const ROW = 44;
const SPARE = 8;
/** @type {Record<string, string>} */
const ICONS = { started: "loader-circle", completed: "circle-check", failed: "circle-x", skipped: "skip-forward", stopped: "circle-slash" };

/** @typedef {{id: string, activation: number, number: number | null, node_id: string, tool: string, status: string, error_code?: string | null, attempt: number, started_at: string | null,
 *   duration_ms: number | null, edges: [string, string][], tokens: {prompt: number, completion: number}, cost_usd: string | null, heard?: boolean}} Step `heard`: only an event has told of it yet */

export class Timeline {
  /** @param {HTMLElement} root @param {(step: Step) => void} onOpen */
  constructor(root, onOpen) {
    this.root = root;
    this.onOpen = onOpen;
    /** @type {Step[]} */
    this.steps = [];
    this.current = -1;
    this.space = h("div", { class: "timeline-space", role: "list" });
    root.replaceChildren(this.space);
    root.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(root);
    root.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const at = document.activeElement instanceof HTMLElement ? Number(document.activeElement.dataset.at ?? NaN) : NaN;
      if (!step || Number.isNaN(at)) return;
      event.preventDefault();
      this.focus(at + step);
    });
  }

  /** @param {Step[]} steps @param {{start: number, end: number}} span in milliseconds of the clock */
  show(steps, span) {
    this.steps = steps;
    this.span = span;
    this.drawn = "";
    this.draw();
  }

  /** @param {number} activation */
  select(activation) {
    this.current = activation;
    this.drawn = "";
    this.draw();
  }

  /** @param {number} at the place in the list */
  focus(at) {
    if (!this.steps[at]) return;
    const top = at * ROW;
    if (top < this.root.scrollTop || top + ROW > this.root.scrollTop + this.root.clientHeight) this.root.scrollTop = top - this.root.clientHeight / 2;
    this.draw();
    /** @type {HTMLElement | null} */ (this.space.querySelector(`[data-at="${at}"]`))?.focus({ preventScroll: true });
  }

  draw() {
    const first = Math.max(0, Math.floor(this.root.scrollTop / ROW) - SPARE);
    const last = Math.min(this.steps.length, Math.ceil((this.root.scrollTop + this.root.clientHeight) / ROW) + SPARE);
    const drawn = `${first} ${last} ${this.steps.length}`;
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const focused = document.activeElement instanceof HTMLElement && this.space.contains(document.activeElement) ? document.activeElement.dataset.at : undefined;
    this.space.style.paddingBlockStart = `${first * ROW}px`;
    this.space.style.paddingBlockEnd = `${(this.steps.length - last) * ROW}px`;
    fill(this.space, this.steps.slice(first, last).map((step, n) => this.#row(step, first + n)));
    if (focused) /** @type {HTMLElement | null} */ (this.space.querySelector(`[data-at="${focused}"]`))?.focus({ preventScroll: true });
  }

  /** @param {Step} step @param {number} at */
  #row(step, at) {
    const { start, end } = this.span ?? { start: 0, end: 1 };
    const from = step.started_at ? new Date(step.started_at).getTime() : start;
    const scale = 1000 / Math.max(1, end - start);
    const took = step.duration_ms === null ? "" : duration(step.duration_ms);
    const bar = s("svg", { class: "bar-line", viewBox: "0 0 1000 4", preserveAspectRatio: "none", "aria-hidden": "true" },
      s("rect", { x: Math.max(0, (from - start) * scale), y: 0, height: 4, width: Math.max(4, (step.duration_ms ?? end - from) * scale) }));
    return h("div", { role: "listitem" }, h("button", {
      type: "button", class: "step", data: { at: String(at), status: step.status }, "aria-current": String(step.activation === this.current), on: { click: () => this.onOpen(step) },
    }, icon(ICONS[step.status] ?? "circle", step.status === "started" ? "spin" : ""),
    h("span", { class: "step-name" }, step.node_id, step.attempt > 1 ? ` · attempt ${step.attempt}` : ""),
    h("span", { class: "note" }, step.status === "completed" ? took : `${step.status} ${took}`), bar));
  }
}
