// @ts-check
/**
 * The session's socket: server to browser events, replayed from the last number we saw.
 *
 * It says {"type": "ping"} at a steady pace, by which the server knows that it lives; a server that does not answer is as
 * good as gone, so the socket is opened anew. What closes it for good (signed out, expired, removed) is told as a state, not retried.
 */

import { backoff, TOO_FAST, TOO_FAST_FAILURES } from "./backoff.js";

/** @typedef {"connecting" | "open" | "waiting" | "signed-out" | "not-allowed" | "gone" | "expired"} SocketState */

/** Close codes after which the same socket would be refused again. @type {Record<number, SocketState>} */
const FINAL = { 4401: "signed-out", 4403: "not-allowed", 4404: "gone", 4410: "expired" };
const PING_MS = 15_000;
const ANSWER_MS = 8_000;

export class SessionSocket {
  /**
   * @param {{path: string, after: () => number, onFrame: (frame: any) => void,
   *   onState: (state: SocketState, retryInMs: number) => void}} options
   */
  constructor({ path, after, onFrame, onState }) {
    this.path = path;
    this.after = after;
    this.onFrame = onFrame;
    this.onState = onState;
    /** @type {WebSocket | null} */
    this.socket = null;
    this.failures = 0;
    this.stopped = false;
    /** Whether anything came since the last ping. */
    this.heard = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.retry = () => {
      if (!this.socket && !this.stopped) this.open();
    };
    window.addEventListener("online", this.retry);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.retry());
  }

  open() {
    clearTimeout(this.timer);
    this.stopped = false;
    this.onState("connecting", 0);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${this.path}?after=${this.after()}`);
    this.socket = socket;
    socket.addEventListener("open", () => {
      if (socket !== this.socket) return;
      this.failures = 0;
      this.onState("open", 0);
      this.watch(socket);
    });
    socket.addEventListener("message", (message) => {
      if (socket !== this.socket) return;
      this.heard = true;
      const frame = JSON.parse(message.data);
      if (frame.type !== "pong") this.onFrame(frame);
    });
    socket.addEventListener("close", (event) => {
      if (socket === this.socket) this.closed(event.code);
    });
  }

  /** @param {number} code */
  closed(code) {
    clearTimeout(this.timer);
    this.socket = null;
    if (this.stopped) return;
    const final = FINAL[code];
    if (final) {
      this.stopped = true;
      this.onState(final, 0);
      return;
    }
    this.failures = Math.max(this.failures + 1, code === TOO_FAST ? TOO_FAST_FAILURES : 0);
    const wait = backoff(this.failures);
    this.onState("waiting", wait);
    this.timer = setTimeout(() => this.open(), wait);
  }

  /** Pings until the socket is another; gives it up when a ping goes unanswered. @param {WebSocket} socket */
  watch(socket) {
    this.timer = setTimeout(() => {
      if (socket !== this.socket) return;
      this.heard = false;
      this.send({ type: "ping" });
      this.timer = setTimeout(() => {
        if (socket !== this.socket) return;
        if (this.heard) return this.watch(socket);
        this.closed(1006);
        socket.close();
      }, ANSWER_MS);
    }, PING_MS - ANSWER_MS);
  }

  /** @param {object} message @returns {boolean} whether it was sent */
  send(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.socket?.close(1000);
    this.socket = null;
  }
}
