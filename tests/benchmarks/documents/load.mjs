// Yjs clients that edit together, and how long each edit takes to be in everybody else's copy. The same for every server.
//
// Reads one line of JSON: {"framing": "yjs" | "agentsite" | "hocuspocus", "rooms": [{"name", "urls": [one for each client]}],
// "rate": edits a second of each client, "warm_s", "seconds"}. Prints {"state": "began"}, {"state": "ended"}, and the figures.

import { createInterface } from "node:readline";
import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import WebSocket from "ws";
import * as awarenessProtocol from "y-protocols/awareness";
import * as sync from "y-protocols/sync";
import * as Y from "yjs";

const SYNC = 0;
const AWARENESS = 1;
const AUTH = 2;
const NUMBERED_UPDATE = 103;
const SETTLE_MS = 60_000;

const say = (/** @type {object} */ told) => process.stdout.write(`${JSON.stringify(told)}\n`);

/** Which edits are under way: token → when it was made, and how many copies have it by now. */
const made = new Map();
const delays = [];
let delivered = 0;

class Client {
  constructor(room, url, framing, name) {
    this.room = room;
    this.framing = framing;
    this.name = name;
    this.doc = new Y.Doc();
    this.text = this.doc.getText("text");
    this.awareness = new awarenessProtocol.Awareness(this.doc);
    this.sequence = 0;
    this.count = 0;
    this.socket = new WebSocket(url, { perMessageDeflate: false });
    this.socket.binaryType = "arraybuffer";
    this.ready = new Promise((resolve, reject) => {
      this.isReady = resolve;
      this.socket.on("error", reject);
      this.socket.on("close", (code) => reject(new Error(`${name} was closed with ${code}`)));
    });
    this.socket.on("open", () => this.greet());
    this.socket.on("message", (data) => this.hear(new Uint8Array(data)));
    this.text.observe((event) => this.note(event));
    this.doc.on("update", (update, origin) => {
      if (origin !== this) this.send((to) => this.write(to, update));
    });
  }

  send(write) {
    const to = encoding.createEncoder();
    if (this.framing === "hocuspocus") encoding.writeVarString(to, this.room);
    write(to);
    this.socket.send(encoding.toUint8Array(to));
  }

  write(to, update) {
    if (this.framing === "agentsite") {
      encoding.writeVarUint(to, NUMBERED_UPDATE);
      encoding.writeVarUint(to, ++this.sequence);
      encoding.writeVarUint8Array(to, update);
    } else {
      encoding.writeVarUint(to, SYNC);
      sync.writeUpdate(to, update);
    }
  }

  greet() {
    if (this.framing === "hocuspocus") {
      this.send((to) => {
        encoding.writeVarUint(to, AUTH);
        encoding.writeVarUint(to, 0);
        encoding.writeVarString(to, "");
      });
    }
    this.send((to) => {
      encoding.writeVarUint(to, SYNC);
      sync.writeSyncStep1(to, this.doc);
    });
    this.awareness.setLocalState({ user: { name: this.name } });
    this.send((to) => {
      encoding.writeVarUint(to, AWARENESS);
      encoding.writeVarUint8Array(to, awarenessProtocol.encodeAwarenessUpdate(this.awareness, [this.doc.clientID]));
    });
  }

  hear(frame) {
    const from = decoding.createDecoder(frame);
    if (this.framing === "hocuspocus") decoding.readVarString(from);
    const kind = decoding.readVarUint(from);
    if (kind === SYNC) {
      const to = encoding.createEncoder();
      const step = sync.readSyncMessage(from, to, this.doc, this);
      const answer = encoding.toUint8Array(to);
      if (answer.length > 0) {
        this.send((out) => {
          encoding.writeVarUint(out, SYNC);
          encoding.writeUint8Array(out, answer);
        });
      }
      if (step === sync.messageYjsSyncStep2) this.isReady();
    } else if (kind === AWARENESS) {
      awarenessProtocol.applyAwarenessUpdate(this.awareness, decoding.readVarUint8Array(from), this);
    }
  }

  note(event) {
    if (event.transaction.local) return;
    const now = performance.now();
    for (const step of event.delta) {
      for (const token of typeof step.insert === "string" ? step.insert.split(" ") : []) {
        const edit = made.get(token);
        if (edit === undefined) continue;
        delivered += 1;
        delays.push(now - edit.at);
      }
    }
  }

  edit(isMeasured) {
    const token = `${this.name}.${this.count++}`;
    if (isMeasured) made.set(token, { at: performance.now() });
    this.text.insert(this.text.length, `${token} `);
  }

  async editFor(seconds, rate, offset, isMeasured) {
    const began = performance.now();
    for (let n = 0; n < seconds * rate; n++) {
      const due = began + ((n + offset) * 1000) / rate;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
      this.edit(isMeasured);
    }
  }

  close() {
    this.socket.removeAllListeners("close");
    this.socket.close();
    this.awareness.destroy();
  }
}

async function main(work) {
  const clients = work.rooms.flatMap((room, r) =>
    room.urls.map((url, n) => new Client(room.name, url, work.framing, `r${r}c${n}`)),
  );
  await Promise.all(clients.map((client) => client.ready));
  const everybody = (seconds, isMeasured) =>
    Promise.all(clients.map((client, n) => client.editFor(seconds, work.rate, (n * 0.618) % 1, isMeasured)));
  await everybody(work.warm_s, false);
  say({ state: "began" });
  await everybody(work.seconds, true);
  const expected = work.rooms.reduce((sum, room) => sum + room.urls.length * (room.urls.length - 1), 0) * work.seconds * work.rate;
  const deadline = performance.now() + SETTLE_MS;
  while (delivered < expected && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
  say({ state: "ended" });
  delays.sort((a, b) => a - b);
  const at = (share) => delays[Math.min(delays.length - 1, Math.floor(delays.length * share))];
  say({ edits: made.size, delivered: (100 * delivered) / expected, p50: at(0.5), p95: at(0.95), p99: at(0.99) });
  for (const client of clients) client.close();
  setTimeout(() => process.exit(0), 100);
}

createInterface({ input: process.stdin }).once("line", (line) => main(JSON.parse(line)));
