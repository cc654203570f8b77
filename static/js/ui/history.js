// @ts-check
/** The history of the text: who wrote what and when, names for what should be found again, and the way back. */

import { ApiError, call, get, list, post } from "../net/api.js";
import { hunkTable } from "../refine/hunk.js";
import { button, byId, fill, h, icon } from "./dom.js";
import { announce, banner, errorBanner, toast } from "./notices.js";
import { full, refreshTimes } from "./time.js";

const PAGE = 50;
const SHOWN_HUNKS = 100;

/**
 * @typedef {{first: number, last: number, user: {name: string} | null, origin: any, started_at: string, ended_at: string}} Stretch
 * @typedef {{number: number, name: string, author: {name: string} | null, created_at: string}} Named
 * @typedef {{number: number, since: number, words: string, at: string, name: string, agent: any}} Entry
 *   `agent`: the origin of what an agent did; null for what people did
 * @typedef {{number: number, revision: number, hunks: {n: number, header: string, old_start: number, new_start: number, text: string}[]}} Comparison
 */

/** What somebody did, in words. @param {Stretch} stretch */
export function wordsOf({ user, origin, first, last }) {
  const who = origin.by ?? user?.name ?? "Somebody who has left";
  if (origin.kind === "create") return `${who} began with a text`;
  if (origin.kind === "restore") return `${who} restored version ${origin.revision}`;
  if (origin.kind === "proposal") return `${who}: ${origin.hunks?.length === 1 ? "a hunk was" : "hunks were"} accepted`;
  return `${who} wrote${last > first ? "" : " a little"}`;
}

/**
 * What was done and what was named, the newest first.
 * @param {Stretch[]} stretches @param {Named[]} named @param {number} floor names below it wait for older stretches
 * @returns {Entry[]}
 */
export function entriesOf(stretches, named, floor) {
  const done = stretches.map((each) => ({
    number: each.last, since: Math.max(0, each.first - 1), words: wordsOf(each), at: each.ended_at, name: "", agent: each.origin.kind === "proposal" ? each.origin : null,
  }));
  const kept = named.filter((each) => each.number >= floor).map((each) => ({
    number: each.number, since: -1, words: `Named by ${each.author?.name ?? "somebody"}`, at: each.created_at, name: each.name, agent: null,
  }));
  return [...kept, ...done].sort((a, b) => b.number - a.number || (a.name ? -1 : 1));
}

/** Which node of which run an agent's change comes from, and what it asked. @param {any} origin */
function madeBy({ run, node, endpoint }) {
  const words = [node && `Node ${node}`, endpoint && `endpoint ${endpoint}`].filter(Boolean).join(", ");
  return h("p", { class: "note" }, words, words && " · ", h("a", { href: `/runs/${run}/` }, "The run"));
}

export class History {
  /**
   * @param {string} session
   * @param {{mayEdit: () => boolean, flush: () => Promise<void>, language: () => string}} options
   */
  constructor(session, { mayEdit, flush, language }) {
    this.path = `/v1/sessions/${session}`;
    this.mayEdit = mayEdit;
    this.flush = flush;
    this.language = language;
    this.opener = byId("history");
    this.opener.addEventListener("click", () => this.open());
    /** @type {HTMLDialogElement | null} */
    this.dialog = null;
  }

  async open() {
    if (this.dialog) return;
    /** @type {Stretch[]} */
    this.stretches = [];
    /** @type {Named[]} */
    this.named = [];
    this.chosen = "";
    this.notice = h("div");
    this.entries = h("ul", { class: "plain-list history-list", "aria-label": "Versions, newest first" });
    this.more = button("Show earlier", () => this.load(), { class: "small", hidden: true });
    this.preview = h("div", { class: "history-preview", role: "region", "aria-label": "What was changed", tabindex: "0" }, h("p", { class: "note" }, "Choose a version to see what was changed."));
    this.actions = h("footer", null, button("Done", () => this.close()));
    this.dialog = h("dialog", { class: "dialog history", "aria-labelledby": "history-title" },
      h("header", null, h("h2", { id: "history-title" }, "History")),
      this.notice,
      h("div", { class: "body" }, h("div", { class: "history-side" }, this.mayEdit() && this.nameForm(), this.entries, this.more), this.preview),
      this.actions,
    );
    this.dialog.addEventListener("close", () => this.close());
    document.body.append(this.dialog);
    this.dialog.showModal();
    await this.reload();
  }

  close() {
    if (!this.dialog) return;
    this.dialog.remove();
    this.dialog = null;
    this.opener.focus();
  }

  nameForm() {
    const input = h("input", { class: "input", id: "history-name", maxlength: "100", required: true, autocomplete: "off", placeholder: "For example: before the demo" });
    const form = h("form", { class: "field" }, h("label", { for: "history-name" }, "Name the text as it is now"),
      h("div", { class: "row nowrap" }, input, h("button", { class: "button", type: "submit" }, "Keep")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (input.value.trim()) this.trying("The name was not kept", async () => {
        await this.flush();
        await post(`${this.path}/revisions`, { name: input.value });
        announce(`Kept as ${input.value}`);
        input.value = "";
        await this.reload();
      });
    });
    return form;
  }

  /** Does something whose failure is shown in the dialog. @param {string} what @param {() => Promise<void>} work */
  async trying(what, work) {
    try {
      await work();
      if (this.notice) fill(this.notice);
    } catch (error) {
      if (this.notice) fill(this.notice, errorBanner(error, { what }));
    }
  }

  async reload() {
    await this.trying("The history could not be read", async () => {
      await this.flush().catch(() => undefined); // offline, what is stored is shown
      this.stretches = [];
      this.named = await list(`${this.path}/revisions?named=true`);
      await this.load();
    });
  }

  async load() {
    await this.trying("The history could not be read", async () => {
      const before = this.stretches?.at(-1)?.first;
      const { results } = await get(`${this.path}/document/timeline?limit=${PAGE}${before === undefined ? "" : `&before=${before}`}`);
      this.stretches = [...(this.stretches ?? []), ...results];
      if (this.more) this.more.hidden = results.length < PAGE;
      this.draw();
    });
  }

  draw() {
    const floor = this.more?.hidden ? 0 : this.stretches?.at(-1)?.first ?? 0;
    const entries = entriesOf(this.stretches ?? [], this.named ?? [], floor);
    const rows = entries.map((entry) => h("li", null, this.row(entry)));
    if (this.entries) fill(this.entries, rows.length ? rows : h("li", { class: "note" }, "Nothing was written yet."));
    refreshTimes(this.entries);
  }

  /** @param {Entry} entry */
  row(entry) {
    const key = `${entry.number}:${entry.name}`;
    return h("button", { type: "button", class: "history-entry", "aria-pressed": String(this.chosen === key), on: { click: () => this.choose(entry, key) } },
      icon(entry.name ? "circle-check" : entry.agent ? "sparkles" : "pencil"),
      h("span", { class: "history-words" }, entry.name ? h("strong", null, entry.name) : entry.words, entry.name && h("span", { class: "note" }, entry.words)),
      h("time", { class: "note", datetime: entry.at, "data-relative": true, title: full(entry.at) }),
    );
  }

  /** @param {Entry} entry @param {string} key */
  async choose(entry, key) {
    this.chosen = key;
    const at = [...(this.entries?.querySelectorAll("button") ?? [])].indexOf(/** @type {any} */ (document.activeElement));
    this.draw();
    if (at >= 0) this.entries?.querySelectorAll("button")[at]?.focus();
    await (entry.name ? this.compare(entry) : this.showDone(entry));
  }

  /** What was changed in an entry. @param {Entry} entry */
  showDone(entry) {
    return this.trying("That version could not be read", async () => {
      /** @type {Comparison} */
      const told = await get(`${this.path}/revisions/${entry.number}/comparison?since=${entry.since}`);
      this.show(entry, told, [h("h3", null, `${entry.words}, version ${entry.number}`), entry.agent && madeBy(entry.agent)], "Nothing of the text was changed.");
      this.offer(button("Restore this version…", () => this.compare(entry)));
    });
  }

  /** What a restore would do. @param {Entry} entry @param {string} [note] */
  compare(entry, note = "") {
    return this.trying("That version could not be compared", async () => {
      await this.flush().catch(() => undefined);
      /** @type {Comparison} */
      const told = await get(`${this.path}/revisions/${entry.number}/comparison`);
      const title = `Restoring ${entry.name ? `“${entry.name}”` : `version ${entry.number}`} would change this`;
      const words = "It is a new change by you: nothing is taken out of the history, and you can restore what is there now.";
      this.show(entry, told, [note ? banner({ tone: "warn", title: note }) : null, h("h3", null, title), told.hunks.length ? h("p", { class: "note" }, words) : null], "The text is the same as now.");
      this.offer(told.hunks.length > 0 && this.mayEdit() ? button("Restore", () => this.restore(entry, told.revision), { icon: "rotate-ccw", class: "primary" }) : null);
    });
  }

  /** @param {Entry} entry @param {Comparison} told @param {(Node | null)[]} head @param {string} nothing */
  show(entry, { hunks }, head, nothing) {
    const shown = hunks.slice(0, SHOWN_HUNKS).map((hunk) => h("div", { class: "hunk" }, hunkTable(hunk, this.language())));
    const rest = hunks.length > SHOWN_HUNKS ? h("p", { class: "note" }, `${hunks.length - SHOWN_HUNKS} more places are not shown.`) : null;
    if (!this.preview) return;
    fill(this.preview, ...head, hunks.length ? null : h("p", { class: "note" }, nothing), ...shown, rest);
    this.preview.scrollTop = 0;
    announce(`${hunks.length} ${hunks.length === 1 ? "place" : "places"}`);
    if (matchMedia("(max-width: 700px)").matches) this.preview.scrollIntoView({ block: "start" });
  }

  /** @param {HTMLElement | null} action */
  offer(action) {
    if (this.actions) fill(this.actions, button("Done", () => this.close()), action);
  }

  /** @param {Entry} entry @param {number} revision the text that the person saw compared */
  restore(entry, revision) {
    return this.trying("The version was not restored", async () => {
      try {
        await call("POST", `${this.path}/revisions/${entry.number}/restore`, { body: { revision } });
      } catch (error) {
        if (!(error instanceof ApiError) || error.kind !== "conflict") throw error;
        return this.compare(entry, "The text has changed meanwhile. This is what a restore would change now.");
      }
      toast("Restored");
      this.close();
    });
  }
}
