// @ts-check
/** What is said on a document's socket; the server's side of it is described in sessions_app/realtime/yprotocol.py. */

import {
  createDecoder,
  createEncoder,
  readVarString,
  readVarUint,
  readVarUint8Array,
  toUint8Array,
  writeVarUint,
  writeVarUint8Array,
} from "../../vendor/agentsite-vendor-1.2.0.js";

const SYNC = 0;
const AWARENESS = 1;
const [HELLO, STORED, REFUSED, NUMBERED_UPDATE, PING, PONG] = [100, 101, 102, 103, 104, 105];

/**
 * @typedef {{document: string, epoch: number, number: number, role: string, read_only: boolean, full?: string | null,
 *   limits: {update_bytes: number, document_bytes: number}}} Hello
 * @typedef {{seq: number | null, code: string, message: string, limit?: number}} Refused
 * @typedef {{type: "ask" | "answer" | "update" | "awareness", data: Uint8Array} | {type: "hello", told: Hello}
 *   | {type: "stored", seq: number, number: number} | {type: "refused", told: Refused} | {type: "pong"} | {type: "unknown"}} Message
 */

/** @param {(number | Uint8Array)[]} parts @returns {Uint8Array} */
function encoded(...parts) {
  const encoder = createEncoder();
  for (const part of parts) {
    if (typeof part === "number") writeVarUint(encoder, part);
    else writeVarUint8Array(encoder, part);
  }
  return toUint8Array(encoder);
}

/** What have you got that I lack? @param {Uint8Array} stateVector */
export const ask = (stateVector) => encoded(SYNC, 0, stateVector);
/** @param {number} seq @param {Uint8Array} update */
export const numberedUpdate = (seq, update) => encoded(NUMBERED_UPDATE, seq, update);
/** @param {Uint8Array} data */
export const awareness = (data) => encoded(AWARENESS, data);
export const ping = () => encoded(PING);

/** @param {ArrayBuffer} frame @returns {Message} */
export function parse(frame) {
  const decoder = createDecoder(new Uint8Array(frame));
  switch (readVarUint(decoder)) {
    case SYNC: {
      const type = /** @type {const} */ (["ask", "answer", "update"])[readVarUint(decoder)];
      return type ? { type, data: readVarUint8Array(decoder) } : { type: "unknown" };
    }
    case AWARENESS:
      return { type: "awareness", data: readVarUint8Array(decoder) };
    case HELLO:
      return { type: "hello", told: JSON.parse(readVarString(decoder)) };
    case STORED:
      return { type: "stored", seq: readVarUint(decoder), number: readVarUint(decoder) };
    case REFUSED:
      return { type: "refused", told: JSON.parse(readVarString(decoder)) };
    case PONG:
      return { type: "pong" };
    default:
      return { type: "unknown" };
  }
}
