// @ts-check
/** Keeps the draft on the server and brings back what is wrong with it; one saving at a time, the last state always last. */

import { ApiError, call } from "../net/api.js";
import { backoff } from "../net/backoff.js";

const WAIT_MS = 350;
/** What others drew is saved by them; only should they be gone, by us. */
const WAIT_FOR_OTHERS_MS = 3000;

/** @typedef {"saved" | "saving" | "offline" | "refused"} SavingState */

export class Saver {
  /**
   * @param {{path: string, revision: number, definition: () => any, onAnswer: (draft: any) => void,
   *   together: boolean, onState: (state: SavingState) => void, onStale: (revision: number) => void, onError: (error: unknown) => void}} options
   */
  constructor(options) {
    this.options = options;
    this.revision = options.revision;
    this.dirty = false;
    /** The saving under way. @type {Promise<boolean> | null} */
    this.saving = null;
    this.stale = false;
    this.failures = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    window.addEventListener("beforeunload", (event) => this.dirty && event.preventDefault());
    window.addEventListener("online", () => this.dirty && this.#soon(0));
  }

  /** @param {boolean} [isOurs] */
  changed(isOurs = true) {
    if (isOurs) this.options.onState("saving");
    if (isOurs || !this.dirty) this.#soon(isOurs ? WAIT_MS : WAIT_FOR_OTHERS_MS);
    this.dirty = true;
  }

  /** @param {number} ms */
  #soon(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), ms);
  }

  /** Saves what is not saved, after what is on its way. Resolves when all is, or it failed. @returns {Promise<boolean>} whether it is saved */
  save() {
    clearTimeout(this.timer);
    this.saving ??= this.#saveAll().finally(() => (this.saving = null));
    return this.saving;
  }

  async #saveAll() {
    while (this.dirty && !this.stale) {
      if (!(await this.#saveOnce())) return false;
    }
    return !this.dirty;
  }

  /** @returns {Promise<boolean>} whether that state is saved */
  async #saveOnce() {
    this.dirty = false;
    try {
      const draft = await call("PUT", this.options.path, { body: { definition: this.options.definition(), revision: this.options.together ? null : this.revision } });
      this.revision = draft.revision;
      this.failures = 0;
      if (!this.dirty) this.options.onState("saved");
      this.options.onAnswer(draft);
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  /** @param {unknown} error */
  #failed(error) {
    this.dirty = true;
    if (error instanceof ApiError && error.code === "stale_draft") {
      this.stale = true;
      this.options.onState("refused");
      this.options.onStale(/** @type {any} */ (error.problem).revision ?? 0);
    } else if (error instanceof ApiError && error.passes) {
      this.failures += 1;
      this.options.onState("offline");
      this.#soon(Math.max(backoff(this.failures), error.retryAfter * 1000));
    } else {
      this.options.onState("refused");
      this.options.onError(error);
    }
  }

  /** Takes another's draft as seen; what is drawn here is saved over it if it is dirty. @param {number} revision */
  goOnFrom(revision, dirty = true) {
    this.stale = false;
    this.revision = revision;
    this.dirty = dirty;
    if (dirty) this.save();
    else this.options.onState("saved");
  }
}
