// @ts-check
/** Which panels are seen: code, review, both beside each other, or the chat (which wide screens always show). */

/** @typedef {"code" | "split" | "review" | "chat"} View */

const NARROW = matchMedia("(max-width: 700px)");
const WIDE = matchMedia("(min-width: 1100px)");
const KEPT = "agentsite:split";

export class Views {
  /** @param {HTMLElement} root the element whose data-view the style sheet reads */
  constructor(root) {
    this.root = root;
    this.review = /** @type {HTMLElement} */ (root.querySelector("#review-panel"));
    for (const control of document.querySelectorAll("[data-show]")) {
      control.addEventListener("click", () => this.show(/** @type {View} */ (control.getAttribute("data-show"))));
    }
    this.#startSplitter(/** @type {HTMLElement} */ (root.querySelector("#splitter")));
    for (const query of [NARROW, WIDE]) query.addEventListener("change", () => this.show(this.view));
    this.show(this.view);
  }

  /** @returns {View} */
  get view() {
    return /** @type {View} */ (this.root.dataset.view ?? "code");
  }

  /**
   * @param {View} view
   * @param {"always" | "if hidden"} [when] "if hidden": leave things as they are when the panel is seen already
   */
  show(view, when = "always") {
    if (when === "if hidden" && this.#isSeen(view)) return;
    this.root.dataset.view = this.#possible(view);
    for (const control of document.querySelectorAll("[data-show]")) {
      const pressed = control.getAttribute("data-show") === this.view;
      control.setAttribute(control.hasAttribute("aria-current") || control.closest("nav") ? "aria-current" : "aria-pressed", String(pressed));
    }
  }

  /** @param {View} view */
  #isSeen(view) {
    if (view === "chat") return !NARROW.matches || this.view === "chat";
    return this.view === view || this.view === "split";
  }

  /** @param {View} view @returns {View} */
  #possible(view) {
    if (view === "chat" && !NARROW.matches) return this.view === "chat" ? "code" : this.view;
    if (view === "split" && NARROW.matches) return "review";
    return view;
  }

  /** A run began: where there is room, its review opens beside the code; nobody is torn from what they type. */
  offerReview() {
    if (WIDE.matches && this.view === "code") this.show("split");
    else if (!NARROW.matches && this.view === "code" && !this.root.querySelector("#editor")?.contains(document.activeElement)) this.show("review");
  }

  /** @param {View} view @param {number} n */
  count(view, n) {
    for (const badge of document.querySelectorAll(`[data-count="${view}"]`)) {
      badge.textContent = n ? String(n) : "";
      badge.toggleAttribute("hidden", n === 0);
    }
  }

  /** The bar between code and review: dragged, or moved with the arrow keys. @param {HTMLElement} bar */
  #startSplitter(bar) {
    const set = (/** @type {number} */ percent) => {
      const value = Math.round(Math.min(75, Math.max(25, percent)));
      this.root.style.setProperty("--code-share", `${value}fr`);
      this.root.style.setProperty("--review-share", `${100 - value}fr`);
      bar.setAttribute("aria-valuenow", String(value));
      localStorage.setItem(KEPT, String(value));
    };
    set(Number(localStorage.getItem(KEPT)) || 50);
    bar.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -4, ArrowRight: 4 }[event.key];
      if (!step) return;
      event.preventDefault();
      set(Number(bar.getAttribute("aria-valuenow")) + step);
    });
    bar.addEventListener("pointerdown", (event) => {
      bar.setPointerCapture(event.pointerId);
      const box = /** @type {HTMLElement} */ (bar.parentElement).getBoundingClientRect();
      const end = this.review.getBoundingClientRect().right;
      const move = (/** @type {PointerEvent} */ at) => set(((at.clientX - box.left) / (end - box.left)) * 100);
      bar.addEventListener("pointermove", move);
      bar.addEventListener("pointerup", () => bar.removeEventListener("pointermove", move), { once: true });
    });
  }
}
