// @ts-check
/** Banners for what a person must act on, toasts for what passes, and one polite line for screen readers. */

import { ApiError } from "../net/api.js";
import { button, fill, h, icon } from "./dom.js";

const ICONS = { bad: "circle-alert", warn: "triangle-alert", info: "info" };

/**
 * @param {{tone?: "bad" | "warn" | "info", title: string, words?: string | any[], code?: string,
 *   actions?: {label: string, icon?: string, primary?: boolean, run: () => void}[]}} notice
 * @returns {HTMLElement}
 */
export function banner({ tone = "info", title, words, code, actions = [] }) {
  return h(
    "div",
    { class: `banner ${tone}`, role: tone === "bad" ? "alert" : "status" },
    icon(ICONS[tone]),
    h("div", { class: "words" }, h("strong", null, title), words, code && h("div", null, h("code", null, code))),
    actions.length > 0 &&
      h("div", { class: "actions" }, actions.map((action) =>
        button(action.label, action.run, { icon: action.icon, class: action.primary ? "primary small" : "small" }))),
  );
}

/** A refusal for longer than this is told, and the person tries again when they like. */
const LONGEST_WAIT_S = 300;

/** What a person can do about each kind of failure. @type {Record<string, string>} */
const REMEDIES = {
  network: "Check the connection; it is tried again when the server is back.",
  "signed-out": "Sign in again in another tab, then try again. What you typed stays in this one.",
  "not-allowed": "Ask the session's owner for another role.",
  gone: "It may have been deleted, or its time was over.",
  "too-fast": "What you wrote is kept here.",
  full: "What you wrote is kept here.",
  server: "Nothing of yours is lost. Try again; if it stays, send the details to whoever runs the site.",
};

/**
 * @param {unknown} error
 * @param {{what: string, kept?: string, retry?: () => void, close?: () => void}} context what was tried, and what is safe
 */
export function errorBanner(error, { what, kept = "", retry, close }) {
  const known = error instanceof ApiError ? error : null;
  const words = [known ? known.message : String(error), kept, known && REMEDIES[known.kind]].filter(Boolean).join(" ");
  const details = known ? known.details : String(error);
  const again = () => {
    clearTimeout(timer);
    element.remove();
    retry?.();
  };
  const wait = known?.kind === "too-fast" && retry ? known.retryAfter : 0;
  const timer = wait && wait <= LONGEST_WAIT_S ? setTimeout(() => element.isConnected && again(), wait * 1000) : undefined;
  const element = banner({
    tone: "bad",
    title: what,
    words: timer === undefined ? words : `${words} It is tried again by itself then.`,
    code: known?.requestId ? `request ${known.requestId}` : "",
    actions: [
      ...(retry ? [{ label: "Try again", icon: "rotate-ccw", primary: true, run: again }] : []),
      { label: "Copy details", icon: "copy", run: () => copy(`${what}\n${details}`) },
      { label: "Dismiss", icon: "x", run: () => (element.remove(), close?.()) },
    ],
  });
  return element;
}

/** @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied");
  } catch {
    toast("The browser did not allow copying");
  }
}

/** @param {string} text @param {number} [ms] */
export function toast(text, ms = 4000) {
  const holder = document.getElementById("toasts");
  const element = h("div", { class: "toast" }, text);
  holder?.append(element);
  setTimeout(() => element.remove(), ms);
}

/** Says something to screen readers only. @param {string} text */
export function announce(text) {
  const line = document.getElementById("announcer");
  if (line) fill(line, text);
}

/**
 * Asks before something that cannot be undone.
 * @param {{title: string, words: string, confirm: string}} question
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, words, confirm }) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-words" });
    const close = (/** @type {boolean} */ answer) => (dialog.close(), dialog.remove(), resolve(answer));
    fill(
      dialog,
      h("header", null, h("h2", { id: "confirm-title" }, title)),
      h("div", { class: "body" }, h("p", { id: "confirm-words" }, words)),
      h("footer", null, button("Cancel", () => close(false), { autofocus: true }), button(confirm, () => close(true), { class: "danger filled" })),
    );
    dialog.addEventListener("cancel", () => close(false));
    document.body.append(dialog);
    dialog.showModal();
  });
}
