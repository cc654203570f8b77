// @ts-check
/** Accepting and rejecting hunks, one at a time or all at once. */

import { counted } from "../ui/plurals.js";
import { post } from "../net/api.js";
import { announce } from "../ui/notices.js";
import { newKey } from "./asking.js";

/**
 * The hunks that wait to be decided, of each run that proposed some.
 * @param {Record<string, any>} proposals @returns {{run: string, open: number}[]}
 */
export const undecided = (proposals) =>
  Object.values(proposals).filter(({ status }) => status === "open")
    .map(({ run, hunks }) => ({ run, open: hunks.filter((/** @type {any} */ hunk) => hunk.status === "open").length }))
    .filter(({ open }) => open > 0);

export class Deciding {
  /**
   * @param {{store: import("./store.js").SessionStore, flush: () => Promise<void>, fail: import("./asking.js").Fail,
   *   proposal: () => string | null, draw: () => void, next: (n: number) => void}} options
   *   `proposal` tells which is shown, `next` goes on to the hunk after the one that is being decided
   */
  constructor({ store, flush, fail, proposal, draw, next }) {
    this.store = store;
    this.flush = flush;
    this.fail = fail;
    this.proposal = proposal;
    this.draw = draw;
    this.next = next;
    /** What is on its way to the server. @type {Set<number | "all">} */
    this.busy = new Set();
  }

  /** @param {number} n @param {"accept" | "reject"} verdict @param {string} [reason] */
  async decide(n, verdict, reason) {
    const decided = this.#decideAt(`/v1/proposals/${this.proposal()}/hunks/${n}/${verdict}`, reason ? { reason } : {}, n);
    // At once, so that keys pressed quickly meet the next hunk, not the one that is being decided.
    this.next(n);
    await decided;
  }

  /** @param {"accept" | "reject"} verdict */
  async decideAll(verdict) {
    await this.#decideAt(`/v1/proposals/${this.proposal()}/${verdict}`, {}, "all");
  }

  /** @param {string} path @param {object} body @param {number | "all"} what */
  async #decideAt(path, body, what) {
    if (this.busy.has(what)) return;
    this.busy = new Set([...this.busy, what]);
    this.draw();
    try {
      // What was typed last belongs to the text that the hunk is merged into.
      await this.flush();
      const proposal = await post(path, body, { idempotencyKey: newKey() });
      if (proposal?.hunks) this.store.apply({ type: "proposals", proposals: [proposal] });
      announce(outcome(proposal, what));
    } catch (error) {
      this.fail(error, "The decision was not taken", { kept: "Your code is as it was.", retry: () => this.#decideAt(path, body, what) });
    } finally {
      this.busy = new Set([...this.busy].filter((each) => each !== what));
      this.draw();
    }
  }
}

/** @param {any} proposal @param {number | "all"} what */
function outcome(proposal, what) {
  const hunks = proposal?.hunks ?? [];
  const conflicted = hunks.filter((/** @type {any} */ hunk) => hunk.status === "conflicted").length;
  if (what === "all") return conflicted ? `${counted(conflicted, "hunk no longer fits", "hunks no longer fit")}.` : "All hunks decided.";
  return `Hunk ${what}: ${hunks.find((/** @type {any} */ hunk) => hunk.n === what)?.status ?? "decided"}`;
}
