// @ts-check
/** What people ask of agents: requests, their end, their retry, and answers to what a run asks back. */

import { ApiError, post } from "../net/api.js";

/**
 * @typedef {import("./store.js").SessionStore} SessionStore
 * @typedef {(error: unknown, what: string, more?: {kept?: string, retry?: () => void}) => void} Fail
 */

export const newKey = () => [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(36)).join("-");

export class Asking {
  /**
   * @param {{store: SessionStore, flush: () => Promise<void>, fail: Fail, activeRun: () => import("./reduce.js").RunView | undefined,
   *   resend: (wanted: {instruction: string, intent: string, parent: string | null}) => void, began: (run: string) => void}} options
   *   `flush` stores what was typed last, `resend` sends again what the box holds, `began` is told of a run that goes on in another's place
   */
  constructor({ store, flush, fail, activeRun, resend, began }) {
    this.store = store;
    this.flush = flush;
    this.fail = fail;
    this.activeRun = activeRun;
    this.resend = resend;
    this.began = began;
    this.retrying = false;
  }

  /** @param {{instruction: string, intent: string, parent: string | null}} wanted @returns {Promise<boolean>} whether it was taken */
  async ask(wanted) {
    const idempotencyKey = newKey();
    try {
      await this.flush();
      const request = await post(`${this.store.path}/requests`, wanted, { idempotencyKey });
      this.store.apply({ type: "requests", requests: [request] });
      return true;
    } catch (error) {
      this.fail(error, "The request was not sent", { kept: "Your words are still in the box.", retry: () => this.resend(wanted) });
      return false;
    }
  }

  /**
   * Asks the same once more, of the document as it is now; with another intent, it is done instead of what goes on.
   * @param {import("./reduce.js").RequestView} request @param {string} [intent]
   */
  async again({ instruction, intent: before, parent }, intent) {
    if (intent) await this.stop();
    return this.ask({ instruction, intent: intent ?? before, parent });
  }

  async stop() {
    const run = this.activeRun();
    if (!run) return;
    try {
      const answer = await post(`/v1/runs/${run.id}/cancel`);
      if (answer) this.store.apply({ type: "run", run: answer });
    } catch (error) {
      // It may have ended by itself in the meantime, and then there is nothing to say.
      if (error instanceof ApiError && error.code === "run_finished") return;
      this.fail(error, "The run could not be stopped", { retry: () => this.stop() });
    }
  }

  /** Goes on from the last checkpoint of a run that failed or was stopped. @param {string} run */
  async retry(run) {
    if (this.retrying) return;
    this.retrying = true;
    try {
      const next = await post(`/v1/runs/${run}/retry`, {}, { idempotencyKey: newKey() });
      this.store.apply({ type: "retried", run: next });
      await this.store.loadNodes(next.id);
      this.began(next.id);
    } catch (error) {
      this.fail(error, "The run was not retried", { kept: "What it had done is kept.", retry: () => this.retry(run) });
    } finally {
      this.retrying = false;
    }
  }

  /** Throws what the server said, for the question's form to show. @param {string} run @param {string} interrupt @param {any} value */
  async answer(run, interrupt, value) {
    try {
      const row = await post(`/v1/runs/${run}/resume`, { interrupt, value }, { idempotencyKey: newKey() });
      this.store.apply({ type: "answered", run, interrupt });
      if (row) this.store.apply({ type: "run", run: row });
    } catch (error) {
      if (!(error instanceof ApiError) || !["interrupt_answered", "run_finished"].includes(error.code)) throw error;
      this.store.apply({ type: "answered", run, interrupt });
      this.fail(error, "Your answer came too late");
    }
  }
}
