// @ts-check
/** The home page: answer invitations; extend, reopen and delete in place; a chosen file becomes the pasted code. */

import { ApiError, call, get, post } from "../net/api.js";
import { byId, fill } from "../ui/dom.js";
import { announce, confirmed, errorBanner } from "../ui/notices.js";
import { startShell } from "./shell.js";

const notices = byId("notices");
const LOOK_AGAIN_MS = 15_000;

/** @type {Record<string, string>} by the ending of a file's name */
const LANGUAGES = {
  py: "python", js: "javascript", mjs: "javascript", jsx: "javascript", ts: "typescript", tsx: "typescript", html: "html", htm: "html",
  css: "css", json: "json", md: "markdown", go: "go", rs: "rust", java: "java", c: "c", h: "c", cc: "cpp", cpp: "cpp", hpp: "cpp",
};

/** @type {Record<string, {what: string, done: string}>} */
const WORDS = {
  extend: { what: "The session was not extended", done: "Session extended" },
  reopen: { what: "The session was not reopened", done: "Session reopened" },
  delete: { what: "The session was not deleted", done: "Session deleted" },
};

/** @param {HTMLElement} row @param {string} act */
async function perform(row, act) {
  const { session: id = "", title = "" } = row.dataset;
  if (act === "delete" && !(await confirmed({
    title: `Delete “${title}”?`,
    words: "Its code, its conversation and its runs are deleted for everyone in it. This cannot be undone.",
    confirm: "Delete the session",
  }))) return;
  const buttons = row.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  try {
    if (act === "delete") await call("DELETE", `/v1/sessions/${id}`);
    else await post(`/v1/sessions/${id}/${act}`);
    announce(WORDS[act].done);
    await redraw();
    byId("sessions-title").focus();
  } catch (error) {
    for (const button of buttons) button.disabled = false;
    notices.replaceChildren(errorBanner(error, { what: WORDS[act].what, kept: "The list is as it was.", retry: () => perform(row, act) }));
  }
}

/** @param {HTMLElement} row @param {string} choice accept or decline */
async function answer(row, choice) {
  const { invitation: id = "", title = "" } = row.dataset;
  const buttons = row.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  try {
    const joined = await post(`/v1/me/invitations/${id}/${choice}`);
    if (joined) return void location.assign(`/sessions/${joined.session}/`);
    announce(`You declined the invitation to ${title}`);
    await redraw();
    byId("sessions-title").focus();
  } catch (error) {
    for (const button of buttons) button.disabled = false;
    notices.replaceChildren(errorBanner(error, { what: "The invitation was not answered", retry: () => answer(row, choice) }));
  }
}

/** Takes the list from the page as the server renders it now; when that fails, the one that is here stays. */
async function redraw() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!response.ok) throw new Error(`the list could not be loaded again (${response.status})`);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.querySelector(".sessions");
  if (!fresh) throw new Error("you are signed out; load the page again");
  document.querySelector(".sessions")?.replaceWith(document.adoptNode(fresh));
  byId("sessions-title").tabIndex = -1;
  shell.refresh();
}

/** Looks for invitations that have come or gone since the page was made. */
async function lookForInvitations() {
  const list = document.querySelector(".sessions");
  if (document.hidden || !list || list.contains(document.activeElement)) return; // nobody's focus is taken away
  const { results } = await get("/v1/me/invitations");
  const shown = new Set([...document.querySelectorAll("[data-invitation]")].map((row) => row.getAttribute("data-invitation")));
  const fresh = results.filter((/** @type {{id: string}} */ one) => !shown.has(one.id));
  if (!fresh.length && results.length === shown.size) return;
  await redraw();
  if (fresh.length) announce(`You are invited to ${fresh.map((/** @type {{title: string}} */ one) => one.title).join(", ")}`);
}

// What cannot be read now is looked for again; the page stays as it is.
setInterval(() => lookForInvitations().catch((error) => {
  if (!(error instanceof ApiError)) throw error;
}), LOOK_AGAIN_MS);

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-act]") : null;
  const row = button?.closest(".session");
  if (button && row instanceof HTMLElement) perform(row, button.getAttribute("data-act") ?? "");
  const reply = event.target instanceof Element ? event.target.closest("[data-answer]") : null;
  const invitation = reply?.closest(".invitation");
  if (reply && invitation instanceof HTMLElement) answer(invitation, reply.getAttribute("data-answer") ?? "");
});

const file = /** @type {HTMLInputElement} */ (byId("new-file"));
const text = /** @type {HTMLTextAreaElement} */ (byId("new-text"));
const language = /** @type {HTMLSelectElement} */ (byId("new-language"));
const name = /** @type {HTMLInputElement} */ (byId("new-name"));

file.addEventListener("change", async () => {
  const chosen = file.files?.[0];
  if (!chosen) return;
  const note = byId("file-note");
  try {
    if (chosen.size > 1_000_000) throw new Error(`${chosen.name} has ${Math.ceil(chosen.size / 1000)} kB; at most 1,000 kB are taken`);
    const bytes = await chosen.arrayBuffer();
    text.value = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    language.value = LANGUAGES[chosen.name.split(".").at(-1)?.toLowerCase() ?? ""] ?? "auto"; // the server knows more names
    name.value ||= chosen.name;
    fill(note, `${chosen.name} loaded`);
  } catch (error) {
    fill(note, error instanceof TypeError ? `${chosen.name} is not UTF-8 text` : String(error instanceof Error ? error.message : error));
    file.value = "";
  }
});

// The file itself is sent, with its line ends as they are, unless its text was edited here after all.
text.addEventListener("input", () => {
  if (file.value) fill(byId("file-note"), "");
  file.value = "";
});

const shell = startShell({
  commands: () => [
    { label: "New session", icon: "plus", run: () => text.focus() },
    ...[...document.querySelectorAll(".session-title")].map((link) => ({
      label: `Open ${link.textContent}`, icon: "file-code", run: () => location.assign(/** @type {HTMLAnchorElement} */ (link).href),
    })),
  ],
});
