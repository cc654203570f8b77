// @ts-check
/**
 * What was typed and not yet stored by the server, kept in this browser across reloads and crashes.
 *
 * Each tab writes an entry of its own and holds a lock on it while it lives; an entry whose lock is free was left
 * behind, and is taken over by the next tab that opens the session. Only what the server lacks is kept, so no copies of
 * whole documents stay in browsers.
 */

const PREFIX = "agentsite:unsaved";

/**
 * @typedef {{v: 2, epoch: number, changes: number, update: string, text: string, at: number, base?: string}} Entry
 *   `update` is a CRDT update in base64, `text` the whole text, for when the history that it belongs to is gone; what was
 *   typed before the CRDT had come is in `text` alone, and `base` is the text that it was typed over
 */

export class Unsaved {
  /** @param {{user: string, session: string, storage?: Storage}} options */
  constructor({ user, session, storage = localStorage }) {
    this.storage = storage;
    this.prefix = `${PREFIX}:${user}:${session}:`;
    this.key = this.prefix + crypto.getRandomValues(new Uint32Array(2)).join("-");
    /** Whether the last write found no room. */
    this.full = false;
  }

  /** Holds the lock that says this tab lives; released by the browser when it does not. */
  hold() {
    navigator.locks?.request(this.key, () => new Promise(() => {}));
  }

  /** @param {{epoch: number, changes: number, update: Uint8Array, text: string, base?: string}} kept */
  write({ epoch, changes, update, text, base }) {
    const entry = { v: 2, at: Date.now(), epoch, changes, update: toBase64(update), text, base };
    try {
      this.storage.setItem(this.key, JSON.stringify(entry));
      this.full = false;
    } catch {
      this.full = true;
    }
  }

  clear() {
    this.storage.removeItem(this.key);
  }

  /**
   * Takes the entries that no living tab holds, oldest first. They stay stored until `forget`.
   * @returns {Promise<{key: string, entry: Omit<Entry, "update"> & {update: Uint8Array}}[]>}
   */
  async leftBehind() {
    const held = new Set((await navigator.locks?.query())?.held?.map((lock) => lock.name) ?? []);
    const found = [];
    for (const key of Object.keys(this.storage)) {
      if (!key.startsWith(this.prefix) || key === this.key || held.has(key)) continue;
      try {
        const entry = JSON.parse(this.storage.getItem(key) ?? "");
        if (entry.v === 2) found.push({ key, entry: { ...entry, update: fromBase64(entry.update) } });
      } catch {
        this.storage.removeItem(key);
      }
    }
    return found.sort((a, b) => a.entry.at - b.entry.at);
  }

  /**
   * Calls back for each other tab of the session that lives now, once it does not any more.
   * @param {() => void} ended
   */
  async whenOthersEnd(ended) {
    const { held = [] } = (await navigator.locks?.query()) ?? {};
    const others = held.map(({ name = "" }) => name).filter((name) => name.startsWith(this.prefix) && name !== this.key);
    // Called when we have let go of it again: an entry whose lock is held, be it by us, is somebody's.
    for (const name of others) navigator.locks.request(name, () => {}).then(ended);
  }

  /** @param {string} key */
  forget(key) {
    this.storage.removeItem(key);
  }
}

const CHUNK = 0x8000;

/** @param {Uint8Array} bytes */
function toBase64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(text);
}

/** @param {string} text */
const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
