// @ts-check
/**
 * The document as the page knows it: what the server has stored, what is on its way, and what was typed since.
 *
 * This module is the one place that knows how text reaches the server. The rest of the page asks it for an editor
 * extension and a status, tells it of other people's revisions, and waits on flush() before it asks an agent.
 * One save is in flight at a time; nothing counts as saved before the server's answer says so.
 */

import { Annotation, ChangeSet, EditorView, Transaction } from "../../vendor/agentsite-vendor-1.0.0.js";
import { ApiError, call, get } from "../net/api.js";
import { backoff } from "../net/backoff.js";
import { applied, countChanges, rebase, toText, unchanged } from "./rebase.js";
import { Unsaved } from "./unsaved.js";

const PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 2_000;
const KEEP_MS = 150;
const CRLF = "\r\n";

/** Marks transactions that bring the server's text, which must not be sent back. */
export const fromServer = Annotation.define();

/** @param {string} text */
const hasOnlyCrlf = (text) => text.includes(CRLF) && !/\r(?!\n)|(?<!\r)\n/.test(text);

/**
 * @typedef {{phase: "clean" | "saving" | "failing" | "refused", changes: number, savedAt: Date | null,
 *   error: ApiError | null, keptHere: boolean}} Status
 */

export class SharedDocument {
  /**
   * @param {{path: string, text: string, revision: number, unsaved: Unsaved, readOnly: boolean,
   *   onStatus: (status: Status) => void}} options
   */
  constructor({ path, text, revision, unsaved, readOnly, onStatus }) {
    this.path = path;
    this.unsaved = unsaved;
    this.readOnly = readOnly;
    this.onStatus = onStatus;
    this.revision = revision;
    this.crlf = hasOnlyCrlf(text);
    /** The text at `revision`, with bare line feeds. */
    this.base = this.fromWire(text);
    /** @type {import("@codemirror/state").ChangeSet | null} on its way, and perhaps stored */
    this.sent = null;
    this.pending = unchanged(this.base);
    /** @type {EditorView | null} */
    this.view = null;
    /** The newest revision that someone told us of. */
    this.newest = revision;
    /** @type {Promise<void> | null} the save or the fetch that is under way */
    this.work = null;
    this.failures = 0;
    this.dirtySince = 0;
    /** What takes recovered typing away again; moved along with every later change. @type {import("@codemirror/state").ChangeSet | null} */
    this.undoRecovered = null;
    /** @type {ApiError | null} */
    this.error = null;
    /** @type {Date | null} */
    this.savedAt = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.saveTimer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.keepTimer = undefined;
    this.extension = EditorView.updateListener.of((update) => {
      if (!update.docChanged) return;
      if (this.undoRecovered) this.undoRecovered = this.undoRecovered.map(update.changes);
      if (!update.transactions.some((each) => each.annotation(fromServer))) this.typed(update.changes);
    });
    window.addEventListener("pagehide", () => this.keep());
    window.addEventListener("online", () => this.isDirty && this.saveSoon(0));
    window.addEventListener("beforeunload", (event) => {
      this.keep();
      if (this.isDirty && !this.readOnly) event.preventDefault();
    });
  }

  /** @param {string} text */
  fromWire(text) {
    this.crlf = hasOnlyCrlf(text);
    return this.crlf ? text.replaceAll(CRLF, "\n") : text;
  }

  /** @param {string} text */
  toWire(text) {
    return this.crlf ? text.replaceAll("\n", CRLF) : text;
  }

  get isDirty() {
    return this.sent !== null || !this.pending.empty;
  }

  /** The text to start the editor with. */
  get text() {
    return toText(this.base);
  }

  /** @param {EditorView} view */
  attach(view) {
    this.view = view;
    this.unsaved.hold();
  }

  /** @returns {Status} */
  get status() {
    const phase = this.error
      ? this.error.passes ? "failing" : "refused"
      : this.isDirty ? "saving" : "clean";
    const changes = countChanges(this.sent) + countChanges(this.pending.empty ? null : this.pending);
    return { phase, changes, savedAt: this.savedAt, error: this.error, keptHere: !this.unsaved.full };
  }

  tell() {
    this.onStatus(this.status);
  }

  /** @param {import("@codemirror/state").ChangeSet} changes */
  typed(changes) {
    if (!this.isDirty) this.dirtySince = performance.now();
    this.pending = this.pending.compose(changes);
    if (this.error && !this.error.passes) this.error = null;
    this.keepTimer ??= setTimeout(() => this.keep(), KEEP_MS);
    const waited = performance.now() - this.dirtySince;
    if (!this.error) this.saveSoon(Math.max(0, Math.min(PAUSE_MS, LONGEST_PAUSE_MS - waited)));
    this.tell();
  }

  /** Writes what is unsaved into this browser's storage. */
  keep() {
    clearTimeout(this.keepTimer);
    this.keepTimer = undefined;
    if (!this.isDirty) return this.unsaved.clear();
    this.unsaved.write({
      revision: this.revision,
      base: this.base,
      sent: this.sent?.toJSON() ?? null,
      pending: this.pending.toJSON(),
    });
  }

  /** @param {number} ms */
  saveSoon(ms) {
    clearTimeout(this.saveTimer);
    this.saveTimer = setTimeout(() => this.sync(), ms);
  }

  /** Someone saved this revision; when it is news, its text is fetched and merged. @param {number} revision */
  noteRevision(revision) {
    this.newest = Math.max(this.newest, revision);
    if (this.newest > this.revision) this.sync();
  }

  /** @param {boolean} readOnly */
  setReadOnly(readOnly) {
    this.readOnly = readOnly;
    if (!readOnly) this.error = null;
    this.sync();
  }

  /** Saves and fetches, one at a time, until nothing is left to do or a try failed. @returns {Promise<void>} */
  sync() {
    clearTimeout(this.saveTimer);
    this.work ??= this.#work().finally(() => {
      this.work = null;
      this.keep();
      this.tell();
    });
    return this.work;
  }

  async #work() {
    try {
      while (this.newest > this.revision || (this.isDirty && !this.readOnly)) {
        if (this.isDirty && !this.readOnly) await this.#save();
        else await this.#fetch();
      }
      this.failures = 0;
      this.error = null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.error = error;
      if (error.passes && !this.readOnly) {
        this.failures += 1;
        this.saveSoon(Math.max(error.retryAfter * 1000, backoff(this.failures, { first: 1000 })));
      }
    }
  }

  async #save() {
    if (!this.sent) {
      this.sent = this.pending;
      this.pending = ChangeSet.empty(this.sent.newLength);
    }
    const text = applied(this.sent, this.base);
    this.tell();
    try {
      const answer = await call("PUT", this.path, { body: { text: this.toWire(text), revision: this.revision } });
      this.base = text;
      this.revision = answer.revision;
      this.newest = Math.max(this.newest, this.revision);
      this.sent = null;
      this.savedAt = new Date();
      this.dirtySince = performance.now();
      this.error = null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code === "stale_revision") return this.#fetch();
      // Refused outright: it was not stored, so it may join what is typed next.
      if (!error.passes) this.#takeBackSent();
      throw error;
    }
  }

  #takeBackSent() {
    if (!this.sent) return;
    this.pending = this.sent.compose(this.pending);
    this.sent = null;
  }

  async #fetch() {
    const { text, revision } = await get(this.path);
    this.#moveOnto(text, revision);
  }

  /** @param {string} wireText @param {number} revision */
  #moveOnto(wireText, revision) {
    const remote = this.fromWire(wireText);
    const { unsaved, toLocal } = rebase({ base: this.base, sent: this.sent, pending: this.pending, remote });
    this.base = remote;
    this.revision = revision;
    this.newest = Math.max(this.newest, revision);
    this.sent = null;
    this.pending = unsaved.empty ? unchanged(remote) : unsaved;
    this.#show(toLocal);
    if (!this.isDirty) this.savedAt = new Date();
  }

  /** @param {import("@codemirror/state").ChangeSet} changes */
  #show(changes) {
    if (changes.empty) return;
    this.view?.dispatch({
      changes,
      annotations: [fromServer.of(true), Transaction.addToHistory.of(false), Transaction.remote.of(true)],
    });
  }

  /**
   * Resolves with the revision once everything typed so far is stored.
   * @returns {Promise<number>}
   */
  async flush() {
    this.error = null;
    await this.sync();
    if (this.error) throw this.error;
    return this.isDirty && !this.readOnly ? this.flush() : this.revision;
  }

  /**
   * Merges what an earlier tab typed and did not get stored. Where nobody may write, the texts are only given back.
   * @returns {Promise<{changes: number, texts: string[]}>}
   */
  async recover() {
    let changes = 0;
    const texts = [];
    for (const { key, entry } of await this.unsaved.leftBehind()) {
      const sent = entry.sent && ChangeSet.fromJSON(entry.sent);
      const pending = ChangeSet.fromJSON(entry.pending);
      const { unsaved } = rebase({ base: entry.base, sent, pending, remote: this.base });
      if (!unsaved.empty && this.readOnly) {
        texts.push(applied(unsaved, this.base));
        continue;
      }
      changes += countChanges(unsaved);
      this.#bringBack(unsaved.map(this.sent ? this.sent.compose(this.pending) : this.pending));
      this.unsaved.forget(key);
    }
    return { changes, texts };
  }

  /** @param {import("@codemirror/state").ChangeSet} changes */
  #bringBack(changes) {
    if (changes.empty || !this.view) return;
    const inverse = changes.invert(this.view.state.doc);
    this.view.dispatch({ changes });
    this.undoRecovered = this.undoRecovered ? inverse.compose(this.undoRecovered) : inverse;
    this.keep();
  }

  /** Takes recovered typing away again, whatever was typed since. */
  discardRecovered() {
    const changes = this.undoRecovered;
    this.undoRecovered = null;
    if (changes) this.view?.dispatch({ changes });
  }
}
