// One stock y-websocket client, driven by lines of JSON on stdin; answers on stdout. Knows nothing of our own messages.
//
// {"do": "insert", "at": n, "text": "..."}  {"do": "after", "mark": "...", "text": "..."}  {"do": "delete", "at": n, "length": n}  {"do": "text"}  {"do": "here"}  {"do": "where"}
// {"do": "presence", "state": {...}}  {"do": "offline"}  {"do": "online", "ticket": "..."}  {"do": "ticket", "ticket": "..."}

import { createInterface } from "node:readline";
import WebSocket from "ws";
import * as Y from "yjs";
import { WebsocketProvider } from "y-websocket";

const [, , server, room, ticket] = process.argv;
const doc = new Y.Doc();
const text = doc.getText("text");
const provider = new WebsocketProvider(server, room, doc, {
  WebSocketPolyfill: WebSocket,
  disableBc: true,
  params: { ticket },
  maxBackoffTime: 300,
});
const say = (/** @type {object} */ told) => process.stdout.write(`${JSON.stringify(told)}\n`);

provider.on("sync", (isSynced) => say({ event: "sync", isSynced }));
provider.on("connection-close", (event) => say({ event: "close", code: event?.code, reason: String(event?.reason ?? "") }));

/** Where a cursor is in the text now, as y-codemirror.next finds it. @param {any} cursor */
const indexOf = (cursor) => {
  if (!cursor?.head) return null;
  const place = Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(cursor.head), doc);
  return place?.type === text ? place.index : null;
};

/** @type {Record<string, (asked: any) => void>} */
const deeds = {
  insert: ({ at, text: what }) => text.insert(Math.min(at, text.length), what),
  append: ({ text: what }) => text.insert(text.length, what),
  after: ({ mark, text: what }) => text.insert(text.toString().indexOf(mark) + mark.length, what),
  delete: ({ at, length }) => text.delete(at, length),
  text: () => say({ text: text.toString() }),
  here: () => say({ here: Object.fromEntries([...provider.awareness.getStates()].map(([id, state]) => [id, state])) }),
  where: () => say({ where: Object.fromEntries([...provider.awareness.getStates()].map(([id, state]) => [id, indexOf(state.cursor)])) }),
  presence: ({ state }) => provider.awareness.setLocalState(state),
  offline: () => provider.disconnect(),
  online: ({ ticket: fresh }) => {
    provider.params = { ticket: fresh };
    provider.connect();
  },
  ticket: ({ ticket: fresh }) => {
    provider.params = { ticket: fresh };
  },
  raw: ({ hex }) => provider.ws?.send(Buffer.from(hex, "hex")),
  state: () => say({ state: Buffer.from(Y.encodeStateAsUpdate(doc)).toString("hex"), client: doc.clientID }),
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const asked = JSON.parse(line);
    deeds[asked.do](asked);
    if (asked.id !== undefined) say({ done: asked.id });
  })
  .on("close", () => process.exit(0));
say({ event: "ready", client: doc.clientID });
