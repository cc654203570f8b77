// @ts-check
/** The connection pill: made of what the server acknowledged, never of hope. */

import { fill, icon } from "./dom.js";
import { clock } from "./time.js";
import { plain } from "./invisible_characters.js";

/**
 * @typedef {{socket: import("../net/socket.js").SocketState, document: import("../collab/document.js").Status,
 *   expired: boolean, readOnly: boolean}} Situation
 * @typedef {{state: string, icon: string, text: string, title: string}} Pill
 */

/** @param {number} n */
const changes = (n) => `${n} ${n === 1 ? "change" : "changes"}`;

/**
 * @param {Situation} situation
 * @returns {Pill}
 */
export function describe({ socket, document, expired, readOnly }) {
  const kept = document.changes > 0 ? ` – ${keeping(document)}` : "";
  if (expired || socket === "expired") {
    return { state: "expired", icon: "hourglass", text: `Session expired${kept}`, title: "The session is read-only until its owner reopens it." };
  }
  if (socket === "gone") return { state: "offline", icon: "ban", text: `Session deleted${kept}`, title: "The session is no longer here." };
  if (socket === "signed-out" || document.error?.kind === "signed-out") {
    return { state: "offline", icon: "log-in", text: `Signed out${kept}`, title: "Sign in again in another tab, then try again." };
  }
  if (document.phase === "refused" && document.changes > 0) {
    return { state: "refused", icon: "circle-alert", text: `Not saved${kept}`, title: document.error?.message ?? "" };
  }
  if (document.error?.kind === "too-fast") {
    const title = `${document.error.message}. This page tries again by itself.`;
    return { state: "offline", icon: "hourglass", text: `Waiting for room${kept}`, title };
  }
  if (document.phase === "failing" || socket === "waiting") {
    const title = document.keptHere
      ? "The server cannot be reached. What you type is kept in this browser and saved when it is back."
      : "The server cannot be reached, and this browser has no room left to keep changes: do not close this page.";
    return { state: "offline", icon: "cloud-off", text: `Offline${kept}`, title };
  }
  if (readOnly) return { state: "read-only", icon: "lock", text: "Read-only", title: "You can view this session, but not change it." };
  if (document.phase === "saving") return { state: "saving", icon: "loader-circle", text: "Saving…", title: "The server has not acknowledged the last changes yet." };
  if (socket === "connecting" || document.phase === "joining") return { state: "connecting", icon: "wifi", text: "Connecting…", title: "The session is being joined." };
  if (document.savedAt) {
    return { state: "saved", icon: "check", text: `Saved ${clock(document.savedAt)}`, title: "The server has stored everything you see." };
  }
  return { state: "live", icon: "wifi", text: "Live", title: "Connected. The server has stored everything you see." };
}

/** Says that changes are kept when they are, and not a moment before: the tab may die in between. @param {Situation["document"]} document */
function keeping({ changes: count, keptHere, keeping: isUnderWay }) {
  if (!keptHere) return `${changes(count)} not kept`;
  return isUnderWay ? `keeping ${changes(count)}…` : `${changes(count)} kept`;
}

/** @param {HTMLElement} element @param {Situation} situation */
export function showPill(element, situation) {
  const pill = describe(situation);
  if (element.dataset.state !== pill.state) {
    element.dataset.state = pill.state;
    const risk = pill.state === "refused" || pill.state === "offline";
    element.setAttribute("aria-live", risk ? "assertive" : "off");
  }
  if (element.textContent === pill.text) return;
  fill(element, icon(pill.icon, pill.state === "saving" ? "spin" : ""), pill.text);
  element.title = plain(pill.title);
}
