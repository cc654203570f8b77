// @ts-check
/**
 * What was typed and not yet stored by the server, kept in this browser across reloads and crashes.
 *
 * Each tab writes an entry of its own and holds a lock on it while it lives; an entry whose lock is free was left
 * behind, and is taken over by the next tab that opens the session.
 */

const PREFIX = "agentsite:unsaved";

/**
 * @typedef {{v: 1, revision: number, base: string, sent: any, pending: any, at: number}} Entry
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

  /** @param {Omit<Entry, "v" | "at">} entry */
  write(entry) {
    try {
      this.storage.setItem(this.key, JSON.stringify({ v: 1, at: Date.now(), ...entry }));
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
   * @returns {Promise<{key: string, entry: Entry}[]>}
   */
  async leftBehind() {
    const held = new Set((await navigator.locks?.query())?.held?.map((lock) => lock.name) ?? []);
    const found = [];
    for (let i = 0; i < this.storage.length; i += 1) {
      const key = this.storage.key(i) ?? "";
      if (!key.startsWith(this.prefix) || key === this.key || held.has(key)) continue;
      try {
        const entry = JSON.parse(this.storage.getItem(key) ?? "");
        if (entry.v === 1) found.push({ key, entry });
      } catch {
        this.storage.removeItem(key);
      }
    }
    return found.sort((a, b) => a.entry.at - b.entry.at);
  }

  /** @param {string} key */
  forget(key) {
    this.storage.removeItem(key);
  }
}
