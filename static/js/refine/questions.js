// @ts-check
/** What a run asks people: each question with a form from its schema, the time that is left, and its answer. */

import { ApiError } from "../net/api.js";
import { fill, h, icon } from "../ui/dom.js";
import { countdown } from "../ui/time.js";
import { SchemaForm } from "./schema_form.js";

/**
 * @typedef {{id: string, node_id: string, question: string, schema: any, default: any, expires_at: string | null}} Interrupt
 * @typedef {(interrupt: string, value: any) => Promise<void>} Answer throws what the server said
 */

class Question {
  /** @param {Interrupt} interrupt @param {Answer} answer */
  constructor(interrupt, answer) {
    this.interrupt = interrupt;
    this.answer = answer;
    this.sending = false;
    this.canAnswer = true;
    const id = `question-${interrupt.id}`;
    this.form = new SchemaForm(id, interrupt.schema === true ? {} : interrupt.schema, interrupt.default);
    this.left = h("p", { class: "note question-left", hidden: true });
    this.problem = h("p", { class: "field-error", role: "alert", hidden: true });
    this.reason = h("p", { class: "note", hidden: true }, "Viewers can read, not answer.");
    this.send = h("button", { type: "submit", class: "button primary small" }, icon("send-horizontal"), "Answer");
    this.element = h("form", { class: "question", novalidate: true, "aria-labelledby": `${id}-words`, data: { interrupt: interrupt.id } },
      h("p", { class: "question-words", id: `${id}-words` }, icon("circle-help"), h("span", null, interrupt.question)),
      this.form.elements, this.problem, h("div", { class: "row" }, this.send, this.left), this.reason);
    this.element.addEventListener("submit", (event) => (event.preventDefault(), this.submit()));
  }

  async submit() {
    if (this.sending || !this.canAnswer) return;
    const { value, faults } = this.form.read();
    this.problem.hidden = true;
    this.form.showFaults(faults);
    if (faults.length > 0) return;
    this.#setSending(true);
    try {
      await this.answer(this.interrupt.id, value);
    } catch (error) {
      this.#setSending(false);
      this.#showRefusal(error);
    }
  }

  /** @param {unknown} error */
  #showRefusal(error) {
    const known = error instanceof ApiError ? error : null;
    const faults = (known?.problem.errors ?? []).map(({ pointer, message }) => ({ pointer: pointer.replace(/^\/value/, ""), message }));
    const rest = this.form.showFaults(faults);
    if (faults.length > 0 && rest.length === 0) return;
    fill(this.problem, [rest[0]?.message ?? (known ? known.message : String(error)), "Your answer is still here."].join(" "));
    this.problem.hidden = false;
  }

  /** @param {boolean} sending */
  #setSending(sending) {
    this.sending = sending;
    fill(this.send, icon(sending ? "loader-circle" : "send-horizontal", sending ? "spin" : ""), sending ? "Sending…" : "Answer");
  }

  /** @param {boolean} canAnswer */
  setCanAnswer(canAnswer) {
    this.canAnswer = canAnswer;
    this.form.disabled = this.send.disabled = !canAnswer;
    this.reason.hidden = canAnswer;
  }

  /** @param {number} now milliseconds since the epoch */
  tick(now) {
    const until = this.interrupt.expires_at;
    this.left.hidden = until === null;
    if (until === null) return;
    const left = new Date(until).getTime() - now;
    // The server may hold no default at all, or null for one; it tells both alike, so nothing is promised then.
    const then = this.interrupt.default === null ? "until this question closes" : "until the default is taken";
    this.left.textContent = left > 0 ? `${countdown(left)} ${then}` : "Time is over";
  }
}

export class Questions {
  /** @param {HTMLElement} root @param {Answer} answer */
  constructor(root, answer) {
    this.root = root;
    this.answer = answer;
    /** @type {Map<string, Question>} */
    this.shown = new Map();
  }

  /** Forms stay as they are while their question waits, so that what is half filled in stays. @param {Interrupt[]} interrupts @param {boolean} canAnswer @returns {HTMLElement | null} the first that is new */
  show(interrupts, canAnswer) {
    /** @type {HTMLElement | null} */
    let first = null;
    const waiting = new Set(interrupts.map((each) => each.id));
    for (const [id, question] of this.shown) {
      if (waiting.has(id)) continue;
      const focused = question.element.contains(document.activeElement);
      question.element.remove();
      this.shown.delete(id);
      // The next question takes the focus of the one that was answered, so that keys can go on.
      if (focused) this.#focusNext();
    }
    for (const interrupt of interrupts) {
      const known = this.shown.get(interrupt.id) ?? new Question(interrupt, this.answer);
      if (!this.shown.has(interrupt.id)) {
        this.shown.set(interrupt.id, known);
        this.root.append(known.element);
        first ??= known.element;
        known.tick(Date.now());
      }
      known.setCanAnswer(canAnswer);
    }
    return first;
  }

  #focusNext() {
    const next = /** @type {HTMLElement | null} */ (this.root.querySelector("input, select, textarea"));
    (next ?? /** @type {HTMLElement | null} */ (this.root.closest("[tabindex]")))?.focus({ preventScroll: !next });
  }

  /** @param {number} now */
  tick(now) {
    for (const question of this.shown.values()) question.tick(now);
  }
}
