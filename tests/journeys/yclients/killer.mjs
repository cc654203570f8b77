// Types one thing by our own protocol, and kills the site in the moment its answer comes: node killer.mjs URL TEXT PID

import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import WebSocket from "ws";
import * as Y from "yjs";

const [, , url, what, pid] = process.argv;
const doc = new Y.Doc();
const socket = new WebSocket(url);
socket.binaryType = "arraybuffer";

const send = (/** @type {(to: encoding.Encoder) => void} */ write) => {
  const encoder = encoding.createEncoder();
  write(encoder);
  socket.send(encoding.toUint8Array(encoder));
};

socket.on("open", () =>
  send((to) => {
    encoding.writeVarUint(to, 0);
    encoding.writeVarUint(to, 0);
    encoding.writeVarUint8Array(to, Y.encodeStateVector(doc));
  }),
);
socket.on("message", (/** @type {ArrayBuffer} */ data) => {
  const from = decoding.createDecoder(new Uint8Array(data));
  const type = decoding.readVarUint(from);
  if (type === 0 && decoding.readVarUint(from) === 1) {
    Y.applyUpdate(doc, decoding.readVarUint8Array(from));
    doc.on("update", (update) =>
      send((to) => {
        encoding.writeVarUint(to, 103);
        encoding.writeVarUint(to, 1);
        encoding.writeVarUint8Array(to, update);
      }),
    );
    doc.getText("text").insert(0, what);
  } else if (type === 101) {
    process.kill(Number(pid), "SIGKILL");
    decoding.readVarUint(from);
    console.log(JSON.stringify({ number: decoding.readVarUint(from) }));
    process.exit(0);
  }
});
