// @ts-check
/**
 * Keeps a shared document in step with the server: sends what is typed, numbered, until the server says that it is
 * stored; takes what others type; and begins again, without losing or doubling anything, whenever the socket breaks.
 *
 * An update counts as stored only when the server has said so. After a break both sides compare what they have, and what
 * the server lacks is sent as one update; the CRDT makes sending anything twice harmless.
 */

import {
  applyAwarenessUpdate,
  applyUpdate,
  encodeAwarenessUpdate,
  encodeStateAsUpdate,
  encodeStateVector,
  mergeUpdates,
  removeAwarenessStates,
  SharedDoc,
} from "../../vendor/agentsite-vendor-1.2.0.js";
import { backoff, TOO_FAST, TOO_FAST_FAILURES } from "../net/backoff.js";
import * as messages from "./messages.js";

/** @typedef {"connecting" | "open" | "waiting" | "signed-out" | "not-allowed" | "gone" | "expired"} State */

/** Close codes after which the same socket would be refused again. @type {Record<number, State>} */
const FINAL = { 4401: "signed-out", 4403: "not-allowed", 4404: "gone", 4410: "expired" };
const QUIET_MS = 15_000;
const ANSWER_MS = 8_000;
/** The length of an update with nothing in it. */
const NOTHING = 2;

/**
 * The same without the text of what was deleted, which a document keeps for as long as it can be undone.
 * @param {import("yjs").Doc} doc
 * @param {Uint8Array} stateVector
 */
function withoutDeletedText(doc, stateVector) {
  const lean = new SharedDoc();
  applyUpdate(lean, encodeStateAsUpdate(doc));
  return encodeStateAsUpdate(lean, stateVector);
}

export class Provider {
  /**
   * @param {{path: string, doc: import("yjs").Doc, awareness: import("y-protocols/awareness").Awareness, readOnly: boolean,
   *   onSynced: () => void, onChange: () => void, onHello: (hello: messages.Hello) => boolean}} options
   *   `onHello` says whether the server's history is the one that this document comes from
   */
  constructor({ path, doc, awareness, readOnly, onSynced, onChange, onHello }) {
    this.path = path;
    this.doc = doc;
    this.awareness = awareness;
    this.readOnly = readOnly;
    this.onSynced = onSynced;
    this.onChange = onChange;
    this.onHello = onHello;
    /** @type {State} */
    this.state = "connecting";
    /** Updates that the server has not said to be stored, by their numbers. @type {Map<number, Uint8Array>} */
    this.unstored = new Map();
    /** Why updates are held back: the server would refuse them. @type {messages.Refused | null} */
    this.refused = null;
    this.limits = { update_bytes: Infinity, document_bytes: Infinity };
    this.isSynced = false;
    /** Whether the two sides have compared, so that single updates make sense. */
    this.isInStep = false;
    this.seq = 0;
    this.wholeSeq = 0;
    this.failures = 0;
    /** What the server said when it had no room for us; "" when there was none, or it said nothing. */
    this.turnedAway = "";
    /** @type {WebSocket | null} */
    this.socket = null;
    this.stopped = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    doc.on("update", (update, origin) => origin !== this && this.typed(update));
    awareness.on("update", (/** @type {{added: number[], updated: number[], removed: number[]}} */ { added, updated, removed }, /** @type {any} */ origin) => {
      const changed = [...added, ...updated, ...removed];
      if (origin !== this && changed.includes(doc.clientID)) this.sayWhere();
    });
    window.addEventListener("online", () => this.retry());
    window.addEventListener("offline", () => this.socket && this.lost(this.socket));
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.retry());
  }

  /** What the server may lack, as one update; null when there is nothing. */
  get unstoredUpdate() {
    return this.unstored.size ? mergeUpdates([...this.unstored.values()]) : null;
  }

  retry() {
    if (!this.socket && !this.stopped) this.open();
  }

  open() {
    clearTimeout(this.timer);
    this.stopped = false;
    this.to("connecting");
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${this.path}?agentsite=1`);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.addEventListener("open", () => socket === this.socket && this.watch());
    socket.addEventListener("message", (message) => {
      if (socket !== this.socket) return;
      this.watch();
      this.take(messages.parse(message.data));
    });
    socket.addEventListener("close", (event) => socket === this.socket && this.closed(event.code, undefined, event.reason));
  }

  /** @param {messages.Message} message */
  take(message) {
    switch (message.type) {
      case "hello":
        if (!this.onHello(message.told)) return this.stop();
        this.readOnly = message.told.read_only;
        this.limits = message.told.limits;
        if (this.state === "open") break; // said again, because the role has changed
        this.failures = 0;
        this.turnedAway = "";
        this.to("open");
        this.send(messages.ask(encodeStateVector(this.doc)));
        this.sayWhere();
        break;
      case "ask":
        this.isInStep = true;
        if (!this.refused) this.sendWhole(message.data);
        break;
      case "answer":
      case "update":
        applyUpdate(this.doc, message.data, this);
        if (message.type === "answer" && !this.isSynced) {
          this.isSynced = true;
          this.onSynced();
        }
        break;
      case "awareness":
        applyAwarenessUpdate(this.awareness, message.data, this);
        break;
      case "stored":
        this.stored(message.seq);
        break;
      case "refused":
        // What builds on something missing is asked for as a whole, by the question that comes next.
        if (message.told.code !== "missing_updates") this.refused = message.told;
        break;
    }
    this.onChange();
  }

  /** @param {number} seq */
  stored(seq) {
    for (const each of this.unstored.keys()) if (each === seq || (seq === this.wholeSeq && each < seq)) this.unstored.delete(each);
  }

  /** @param {Uint8Array} update */
  typed(update) {
    this.unstored.set(++this.seq, update);
    if (this.isInStep && !this.refused && !this.readOnly) this.sendUpdate(this.seq, update);
    this.onChange();
  }

  /** Sends all that the server lacks, which then stands for every update before. @param {Uint8Array} stateVector */
  sendWhole(stateVector) {
    if (this.readOnly) return;
    let update = encodeStateAsUpdate(this.doc, stateVector);
    if (update.length > this.limits.update_bytes) update = withoutDeletedText(this.doc, stateVector);
    if (!this.unstored.size && update.length <= NOTHING) return;
    this.wholeSeq = ++this.seq;
    this.sendUpdate(this.wholeSeq, update);
  }

  /** @param {number} seq @param {Uint8Array} update */
  sendUpdate(seq, update) {
    const { update_bytes, document_bytes } = this.limits;
    if (update.length <= update_bytes) return this.send(messages.numberedUpdate(seq, update));
    const message = `A change of ${update.length.toLocaleString("en")} bytes is too large; the document may have ${document_bytes.toLocaleString("en")}.`;
    this.refused = { seq, code: "too_large", message, limit: document_bytes };
  }

  /** Tries again what was refused, after something about it has changed. */
  sendAgain() {
    this.refused = null;
    const socket = this.socket;
    if (socket) this.lost(socket, 0);
    else this.open();
  }

  sayWhere() {
    if (this.state === "open") this.send(messages.awareness(encodeAwarenessUpdate(this.awareness, [this.doc.clientID])));
  }

  /** @param {Uint8Array} frame */
  send(frame) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(frame);
  }

  /** Asks for a sign of life when nothing came for a while, and gives the socket up when none comes. */
  watch() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.send(messages.ping());
      this.timer = setTimeout(() => this.socket && this.lost(this.socket), ANSWER_MS);
    }, QUIET_MS);
  }

  /** Gives a socket up that is of no more use. @param {WebSocket} socket @param {number} [waitMs] */
  lost(socket, waitMs) {
    this.closed(1006, waitMs);
    socket.close();
  }

  /** @param {number} code @param {number} [waitMs] @param {string} [reason] */
  closed(code, waitMs, reason = "") {
    clearTimeout(this.timer);
    this.socket = null;
    this.isInStep = false;
    const others = [...this.awareness.getStates().keys()].filter((client) => client !== this.doc.clientID);
    removeAwarenessStates(this.awareness, others, this);
    if (this.stopped) return;
    const final = FINAL[code];
    if (final) {
      this.stopped = true;
      this.to(final);
      return;
    }
    this.failures = Math.max(this.failures + 1, code === TOO_FAST ? TOO_FAST_FAILURES : 0);
    this.turnedAway = code === TOO_FAST ? reason : "";
    this.to("waiting");
    this.timer = setTimeout(() => this.open(), waitMs ?? backoff(this.failures));
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.socket?.close(1000);
    this.socket = null;
  }

  /** @param {State} state */
  to(state) {
    if (this.state === state) return;
    this.state = state;
    this.onChange();
  }
}
