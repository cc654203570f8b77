// @ts-check
/** The banner that says why nothing can be changed in a session, or that it ends soon. */

import { fill } from "./dom.js";
import { banner } from "./notices.js";
import { remaining } from "./time.js";

const WARNING_MS = 15 * 60_000;

/**
 * @typedef {{expired: boolean, viewer: boolean, owner: boolean, signedOut: boolean, left: number}} Life `left`: milliseconds
 * @typedef {{act: (verb: "extend" | "reopen", failed: string) => void, rejoin: () => void}} Actions
 */

export class LifeNotice {
  /** @param {HTMLElement} root @param {Actions} actions */
  constructor(root, actions) {
    this.root = root;
    this.actions = actions;
    this.shown = "";
  }

  /** @param {Life} life */
  show(life) {
    const minutes = life.left < WARNING_MS ? Math.ceil(life.left / 60_000) : null;
    const shown = JSON.stringify([life.expired, life.viewer, life.owner, life.signedOut, minutes]);
    if (shown === this.shown) return;
    this.shown = shown;
    fill(this.root, this.#notice(life, minutes !== null));
  }

  /** @param {Life} life @param {boolean} expiring */
  #notice({ expired, viewer, owner, signedOut, left }, expiring) {
    const { act, rejoin } = this.actions;
    if (signedOut) {
      return banner({
        tone: "bad",
        title: "You are signed out",
        words: "What you type is kept in this browser. Sign in again in another tab, then go on here.",
        actions: [{ label: "Try again", icon: "rotate-ccw", primary: true, run: rejoin }],
      });
    }
    if (expired) {
      const reopen = () => act("reopen", "The session was not reopened");
      return banner({
        tone: "warn",
        title: "This session has expired",
        words: "It is read-only. Its owner can reopen it, with all that is in it.",
        actions: owner ? [{ label: "Reopen", icon: "rotate-ccw", primary: true, run: reopen }] : [],
      });
    }
    if (expiring) {
      const extend = () => act("extend", "The session was not extended");
      return banner({
        tone: "warn",
        title: `This session ends in ${remaining(left)}`,
        words: "Then it turns read-only.",
        actions: owner ? [{ label: "Extend", icon: "timer", primary: true, run: extend }] : [],
      });
    }
    if (!viewer) return null;
    return banner({
      title: "You are a viewer here",
      words: "You can read the code and follow the runs. Ask the owner for the editor's role to change it.",
    });
  }
}
