// @ts-check
/** The request box: what is wanted, examples to start from, what it follows up, and Stop where Send was. */

import { button, byId, fill, h, icon } from "../ui/dom.js";
import { shorten } from "./conversation.js";

const MEANWHILE = "Another request is running. Your text is kept: send it when that one has ended, or stop it first.";

export class Composer {
  /**
   * @param {{send: (ask: {instruction: string, intent: string, parent: string | null}) => Promise<boolean>, stop: () => void, draftKey: string}} options
   */
  constructor({ send, stop, draftKey }) {
    this.form = /** @type {HTMLFormElement} */ (byId("composer"));
    this.input = /** @type {HTMLTextAreaElement} */ (byId("instruction"));
    this.intent = /** @type {HTMLSelectElement} */ (byId("intent"));
    this.control = byId("send-or-stop");
    this.parentChip = byId("parent");
    this.examples = byId("examples");
    this.note = byId("composer-note");
    this.draftKey = draftKey;
    this.sendRequest = send;
    this.stop = stop;
    /** @type {{id: string, instruction: string} | null} */
    this.parent = null;
    this.sending = false;
    this.triedMeanwhile = false;
    this.scene = { active: false, cancelling: false, reason: "", hasRequests: false };
    this.input.value ||= sessionStorage.getItem(draftKey) ?? "";
    this.form.addEventListener("submit", (event) => (event.preventDefault(), this.submit()));
    this.input.addEventListener("input", () => (sessionStorage.setItem(draftKey, this.input.value), this.draw()));
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) (event.preventDefault(), this.submit());
    });
    for (const chip of this.examples.querySelectorAll("button")) {
      chip.addEventListener("click", () => this.fillIn(chip.textContent?.trim() ?? "", chip.dataset.intent ?? "auto"));
    }
  }

  /** @param {string} instruction @param {string} intent */
  fillIn(instruction, intent) {
    this.input.value = instruction;
    this.intent.value = intent;
    sessionStorage.setItem(this.draftKey, instruction);
    this.input.focus();
    this.draw();
  }

  async submit() {
    const instruction = this.input.value.trim();
    if (!instruction || this.sending || this.scene.reason) return;
    if (this.scene.active) {
      this.triedMeanwhile = true;
      return this.draw();
    }
    this.sending = true;
    this.draw();
    const sent = await this.sendRequest({ instruction, intent: this.intent.value, parent: this.parent?.id ?? null });
    this.sending = false;
    if (sent) {
      this.input.value = "";
      this.intent.value = "auto";
      sessionStorage.removeItem(this.draftKey);
    }
    this.draw();
  }

  /** @param {{id: string, instruction: string} | null} parent */
  setParent(parent) {
    this.parent = parent;
    this.draw();
  }

  /** @param {{active: boolean, cancelling: boolean, reason: string, hasRequests: boolean}} scene */
  show(scene) {
    this.scene = scene;
    this.triedMeanwhile &&= scene.active;
    this.draw();
  }

  draw() {
    const { active, cancelling, reason, hasRequests } = this.scene;
    this.examples.hidden = hasRequests || this.input.value !== "";
    this.input.disabled = Boolean(reason);
    this.intent.disabled = Boolean(reason);
    const note = reason || (this.triedMeanwhile ? MEANWHILE : "");
    this.note.textContent = note;
    this.note.hidden = !note;
    this.parentChip.hidden = !this.parent;
    const parentKey = this.parent?.id ?? "";
    if (this.parent && this.parentChip.dataset.parent !== parentKey) {
      fill(this.parentChip, icon("corner-down-right"), h("span", null, `Follow-up to “${shorten(this.parent.instruction, 40)}”`),
        button("Ask anew instead", () => (this.setParent(null), this.input.focus()), { icon: "x", hideLabel: true, class: "quiet square small" }));
    }
    this.parentChip.dataset.parent = parentKey;
    this.#drawControl(active, cancelling);
    const send = this.control.querySelector("button");
    if (send && !active) send.disabled = Boolean(reason) || this.sending || this.input.value.trim() === "";
  }

  /** @param {boolean} active @param {boolean} cancelling */
  #drawControl(active, cancelling) {
    const drawn = `${active}:${cancelling}:${this.sending}`;
    if (this.control.dataset.drawn === drawn) return;
    this.control.dataset.drawn = drawn;
    const focused = this.control.contains(document.activeElement);
    fill(this.control, active
      ? button(cancelling ? "Stopping…" : "Stop", this.stop, { icon: "circle-stop", class: "danger", disabled: cancelling, title: "Stop the run (Ctrl-.)" })
      : h("button", { type: "submit", class: "button primary", title: "Send (Ctrl-Enter)" }, icon(this.sending ? "loader-circle" : "send-horizontal", this.sending ? "spin" : ""), "Send"));
    if (focused) this.control.querySelector("button")?.focus();
  }
}
