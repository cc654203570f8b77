// @ts-check
/**
 * The shared document as the page knows it: a CRDT that the editor is bound to, and what of it the server has stored.
 *
 * The page comes with the text, so that typing can begin at once. The editor is bound to the CRDT when that has come
 * too; what was typed until then is merged into it. Nothing counts as saved before the server says that it is stored.
 */

import {
  Awareness,
  applyUpdate,
  Compartment,
  EditorView,
  keymap,
  SharedDoc,
  Transaction,
  UndoManager,
  yCollab,
  ySyncFacet,
  yUndoManagerKeymap,
} from "../../vendor/agentsite-vendor-1.2.0.js";
import { ApiError } from "../net/api.js";
import { remoteCursors } from "./cursors.js";
import { lineEnds } from "./line_ends.js";
import { Provider } from "./provider.js";
import { applied, changesBetween, rebase, toText, unchanged } from "./rebase.js";
import { Unsaved } from "./unsaved.js";

const KEEP_MS = 150;
const FLUSH_MS = 20_000;
const DISCONNECTED_MS = 3_000;
/** How long a connection may take before the page says that there is none. */

/**
 * @typedef {{phase: "joining" | "clean" | "saving" | "failing" | "refused", changes: number, savedAt: Date | null,
 *   error: ApiError | null, keptHere: boolean, keeping: boolean}} Status
 */

export class SharedDocument {
  /**
   * @param {{session: string, text: string, revision: number, unsaved: Unsaved, readOnly: boolean,
   *   onStatus: (status: Status) => void}} options
   */
  constructor({ session, text, revision, unsaved, readOnly, onStatus }) {
    this.pageText = text;
    this.unsaved = unsaved;
    this.readOnly = readOnly;
    this.onStatus = onStatus;
    this.revision = revision;
    this.epoch = 0;
    this.doc = new SharedDoc();
    this.shared = this.doc.getText("text");
    this.awareness = new Awareness(this.doc);
    this.undoManager = new UndoManager(this.shared, { trackedOrigins: new Set() });
    this.binding = new Compartment();
    /** @type {EditorView | null} */
    this.view = null;
    /** What was typed before the editor was bound. @type {import("@codemirror/state").ChangeSet | null} */
    this.early = unchanged(text);
    /** @type {Date | null} */
    this.savedAt = null;
    /** Entries of earlier tabs that are merged, as they were then. @type {Map<string, {at: number, changes: number}>} */
    this.merged = new Map();
    /** What takes recovered typing away again; moved along with every later change. @type {import("@codemirror/state").ChangeSet | null} */
    this.undoRecovered = null;
    this.hadUnstored = false;
    this.isBegunAnew = false;
    /** Why nobody may write, where it holds more than is allowed. */
    this.full = "";
    this.triedSize = -1;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.keepTimer = undefined;
    this.openedAt = performance.now();
    this.keptAt = 0;
    /** @type {(() => void)[]} who waits for the next change of what is stored */
    this.waiting = [];
    this.extension = [
      lineEnds,
      EditorView.updateListener.of((update) => {
        if (!update.docChanged) return;
        if (this.undoRecovered) this.undoRecovered = this.undoRecovered.map(update.changes);
        if (this.early && update.transactions.some((each) => !each.annotation(Transaction.remote))) this.typedEarly(update.changes);
      }),
      this.binding.of([]),
    ];
    this.bound = new Promise((resolve) => (this.didBind = resolve));
    this.provider = new Provider({
      path: `/ws/sessions/${session}/document/`,
      doc: this.doc,
      awareness: this.awareness,
      readOnly,
      onSynced: () => this.bind(),
      onChange: () => this.changed(),
      onHello: (hello) => this.greeted(hello),
    });
    window.addEventListener("pagehide", () => this.keep());
    window.addEventListener("beforeunload", (event) => {
      this.keep();
      if (this.changes > 0 && !this.readOnly) event.preventDefault();
    });
    setTimeout(() => this.tell(), DISCONNECTED_MS + 50);
  }

  /** The text to start the editor with. */
  get text() {
    return toText(this.pageText);
  }

  /** How many changes the server has not said to be stored. */
  get changes() {
    return this.provider.unstored.size + (this.early && !this.early.empty ? 1 : 0);
  }

  /** @param {EditorView} view */
  attach(view) {
    this.view = view;
    this.unsaved.hold();
    this.provider.open();
  }

  /** @param {import("./messages.js").Hello} hello */
  greeted(hello) {
    this.revision = Math.max(this.revision, hello.number);
    this.full = hello.full ?? "";
    if (this.epoch && this.epoch !== hello.epoch) {
      // The history was begun anew: merging ours into it would double everything. What we lack stays kept as a text.
      this.keep();
      this.isBegunAnew = true;
      location.reload();
      return false;
    }
    this.epoch = hello.epoch;
    return true;
  }

  /** Binds the editor to the CRDT that has come; the text under it may have moved since the page was made. */
  bind() {
    const view = this.view;
    if (!view || !this.early) return;
    const remote = this.shared.toString();
    const early = this.early;
    const { unsaved, toLocal } = rebase({ base: this.pageText, sent: null, pending: early, remote });
    this.early = null;
    const quiet = [Transaction.addToHistory.of(false), Transaction.remote.of(true)];
    view.dispatch({ changes: toLocal, annotations: quiet });
    const extension = [
      yCollab(this.shared, null, { undoManager: this.undoManager }),
      keymap.of(yUndoManagerKeymap),
      remoteCursors(this.shared, this.awareness),
    ];
    view.dispatch({ effects: this.binding.reconfigure(extension) });
    if (!this.readOnly) this.doc.transact(() => this.writeChanges(unsaved), view.state.facet(ySyncFacet));
    this.awareness.setLocalStateField("idle", false);
    this.didBind?.();
    this.changed();
  }

  /** @param {import("@codemirror/state").ChangeSet} changes */
  writeChanges(changes) {
    let moved = 0;
    changes.iterChanges((/** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ _a, /** @type {number} */ _b, /** @type {any} */ inserted) => {
      const insert = inserted.sliceString(0, inserted.length, "\n");
      if (to > from) this.shared.delete(from + moved, to - from);
      if (insert) this.shared.insert(from + moved, insert);
      moved += insert.length - (to - from);
    });
  }

  /** @param {import("@codemirror/state").ChangeSet} changes */
  typedEarly(changes) {
    this.early = (this.early ?? changes).compose(changes);
    this.keepSoon();
    this.tell();
  }

  /** Something about what is stored has changed. */
  changed() {
    const { refused, unstored } = this.provider;
    if (refused?.code === "too_large") this.tryAgainWhenSmaller(refused.limit ?? 0);
    if (unstored.size) this.hadUnstored = true;
    else if (this.hadUnstored) {
      this.hadUnstored = false;
      this.savedAt = new Date();
    }
    this.keepSoon();
    for (const wake of this.waiting.splice(0)) wake();
    this.tell();
  }

  /** A document that was too large is sent again when it is not, once for every size. @param {number} limit */
  tryAgainWhenSmaller(limit) {
    const { size } = this;
    if (size > limit || size === this.triedSize) return;
    this.triedSize = size;
    this.provider.sendAgain();
  }

  get size() {
    return new TextEncoder().encode(this.shared.toString()).length;
  }

  /** Keeps the first change at once, and what follows a moment later, together. */
  keepSoon() {
    if (this.keepTimer !== undefined) return;
    if (performance.now() - this.keptAt > KEEP_MS) this.keep();
    else this.keepTimer = setTimeout(() => (this.keep(), this.tell()), KEEP_MS);
  }

  /** Writes what the server lacks into this browser's storage. */
  keep() {
    clearTimeout(this.keepTimer);
    this.keepTimer = undefined;
    this.keptAt = performance.now();
    if (this.isBegunAnew) return;
    if (this.readOnly) return this.unsaved.clear();
    if (this.early && !this.early.empty) {
      const text = applied(this.early, this.pageText);
      return this.unsaved.write({ epoch: this.epoch, changes: this.changes, update: new Uint8Array(), text, base: this.pageText });
    }
    const update = this.provider.unstoredUpdate;
    if (!update) return this.unsaved.clear();
    this.unsaved.write({ epoch: this.epoch, changes: this.changes, update, text: this.shared.toString() });
  }

  /** @returns {ApiError | null} */
  get error() {
    const { refused, state, turnedAway } = this.provider;
    const call = "document socket";
    if (refused) return new ApiError(["too_large", "history_too_large"].includes(refused.code) ? "too-large" : "invalid", { detail: refused.message, code: refused.code }, { call });
    if (state === "signed-out") return new ApiError("signed-out", {}, { call });
    if (turnedAway) return new ApiError("too-fast", { detail: turnedAway }, { call });
    const isLate = performance.now() - this.openedAt > DISCONNECTED_MS;
    if (state === "waiting" || (state === "connecting" && (this.provider.failures > 0 || isLate))) return new ApiError("network", {}, { call });
    return null;
  }

  /** @returns {Status} */
  get status() {
    const { error, changes } = this;
    const phase = this.provider.refused ? "refused" : error ? "failing" : changes > 0 ? "saving" : this.early ? "joining" : "clean";
    return { phase, changes, savedAt: this.savedAt, error, keptHere: !this.unsaved.full, keeping: this.keepTimer !== undefined };
  }

  tell() {
    this.onStatus(this.status);
  }

  /** @param {boolean} readOnly */
  setReadOnly(readOnly) {
    this.readOnly = readOnly;
    this.provider.readOnly = readOnly;
    if (!readOnly) this.provider.sendAgain(); // as somebody who may write: the socket says who we are when it opens
  }

  /** Resolves once everything typed so far is stored. */
  async flush() {
    if (this.readOnly) return;
    const deadline = performance.now() + FLUSH_MS;
    while (this.early || this.provider.unstored.size) {
      const { error } = this;
      if (error) throw error;
      if (performance.now() > deadline) throw new ApiError("network", {}, { call: "document socket" });
      await new Promise((resolve) => {
        this.waiting.push(() => resolve(undefined));
        setTimeout(resolve, 500);
      });
    }
  }

  /**
   * Merges what an earlier tab typed and did not get stored. Where nobody may write, or its history is gone, the texts
   * are only given back.
   *
   * What a tab wrote last may reach this one after the news of its end. So a merged entry is forgotten by the next call
   * only, when it is still what was merged; `again` says that there should be one, a moment later.
   * @returns {Promise<{changes: number, texts: {key: string, text: string}[], again: boolean}>}
   */
  async recover() {
    await this.bound;
    let changes = 0;
    let again = false;
    const texts = [];
    for (const { key, entry } of await this.unsaved.leftBehind()) {
      const merged = this.merged.get(key);
      if (merged?.at === entry.at) {
        this.unsaved.forget(key);
        continue;
      }
      if (this.readOnly || (entry.base === undefined && entry.epoch !== this.epoch)) {
        texts.push({ key, text: entry.text });
        continue;
      }
      const before = this.shared.toString();
      if (entry.base === undefined) applyUpdate(this.doc, entry.update, "recovered");
      else this.doc.transact(() => this.writeChanges(moved(entry.base ?? "", entry.text, before)), "recovered");
      const after = this.shared.toString();
      if (after !== before) {
        const inverse = changesBetween(after, before);
        this.undoRecovered = this.undoRecovered ? inverse.compose(this.undoRecovered) : inverse;
        changes += Math.max(1, entry.changes - (merged?.changes ?? 0));
      }
      this.keep();
      if (entry.base !== undefined) {
        this.unsaved.forget(key); // a text, not a CRDT's update: merged twice it would be there twice
      } else {
        this.merged.set(key, { at: entry.at, changes: entry.changes });
        again = true;
      }
    }
    return { changes, texts, again };
  }

  /** Takes recovered typing away again, whatever was typed since. */
  discardRecovered() {
    const changes = this.undoRecovered;
    this.undoRecovered = null;
    if (changes) this.view?.dispatch({ changes });
  }
}

/**
 * What was typed over a text before the CRDT came, moved onto the text that is there now.
 * @param {string} base @param {string} typed @param {string} remote
 */
const moved = (base, typed, remote) => rebase({ base, sent: null, pending: changesBetween(base, typed), remote }).unsaved;
