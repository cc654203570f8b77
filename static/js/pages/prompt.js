// @ts-check
/** The page of one prompt: its text is edited and tried, published as a version, put into use and rolled back. */

import { post } from "../net/api.js";
import { byId, fill, h, pageData } from "../ui/dom.js";
import { announce, confirmed, errorBanner, toast } from "../ui/notices.js";
import { refresh, showFault } from "../ui/refreshing.js";
import { startShell } from "./shell.js";

const { name, built_in: builtIn } = pageData("page");
const path = `/v1/prompts/${encodeURIComponent(name)}`;
const editor = /** @type {HTMLFormElement} */ (byId("editor"));
const trial = /** @type {HTMLFormElement} */ (byId("try"));
const content = /** @type {HTMLTextAreaElement} */ (byId("content"));
const filled = byId("filled");
const published = content.value;
/** @type {Map<string, {name: string, type: string, required: boolean, description: string, sample: any}>} */
const places = new Map(pageData("samples").map((/** @type {any} */ place) => [place.name, place]));

const shown = (/** @type {any} */ value) => (typeof value === "string" ? value : JSON.stringify(value));
const fieldOf = (/** @type {string} */ place) => /** @type {HTMLTextAreaElement | null} */ (document.getElementById(`place-${place}`));
for (const place of places.values()) {
  const field = fieldOf(place.name);
  if (field) field.value = shown(place.sample);
}

/** Places that the text has gained while it was edited; the server has the last word on them. */
function findPlaces() {
  if (builtIn) return;
  const loops = new Set([...content.value.matchAll(/\{%-?\s*for\s+([a-z_]\w*)\s+in/gi)].map((found) => found[1]));
  const found = [...content.value.matchAll(/\{\{-?\s*([a-z_]\w*)|\{%-?\s*(?:if|elif|for\s+\w+\s+in)\s+(?:not\s+)?([a-z_]\w*)/gi)].map((each) => each[1] ?? each[2]);
  for (const place of found.filter((each) => !loops.has(each) && each !== "loop")) {
    if (places.has(place)) continue;
    places.set(place, { name: place, type: "string", required: true, description: "", sample: "" });
    byId("places").append(h("div", { class: "field", data: { place, type: "string" } },
      h("label", { for: `place-${place}` }, h("span", { class: "mono" }, place), h("span", { class: "note" }, " string")),
      h("textarea", { class: "input", id: `place-${place}`, name: `place-${place}`, rows: "1" })));
  }
  for (const row of byId("places").querySelectorAll("[data-place]")) /** @type {HTMLElement} */ (row).hidden = !used(/** @type {HTMLElement} */ (row).dataset.place ?? "");
}

/** @param {string} place */
const used = (place) => [...content.value.matchAll(/\{[{%][^{}]*/g)].some(([tag]) => tag.split(/\W+/).includes(place));

/** What is filled in, of the types that are declared. */
function given() {
  /** @type {Record<string, any>} */
  const values = {};
  for (const place of places.values()) {
    const field = fieldOf(place.name);
    if (!field || !used(place.name)) continue;
    if (field.value === "" && !place.required) continue;
    try {
      values[place.name] = place.type === "string" ? field.value : JSON.parse(field.value);
    } catch {
      field.focus();
      throw new Error(`${place.name}: a ${place.type} is written as JSON, such as ${JSON.stringify(place.sample)}`);
    }
  }
  return values;
}

trial.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    findPlaces();
    const { text } = await post(`${path}/render`, { content: content.value, values: given() });
    showFault(trial, null);
    fill(filled, text);
    filled.hidden = false;
    filled.focus();
  } catch (error) {
    filled.hidden = true;
    showFault(trial, error);
  }
});

editor.addEventListener("submit", async (event) => {
  event.preventDefault();
  const note = /** @type {HTMLInputElement} */ (byId("note")).value.trim();
  const bump = /** @type {HTMLSelectElement} */ (byId("bump")).value;
  findPlaces();
  const variables = Object.fromEntries([...places.values()].filter((place) => used(place.name))
    .map(({ name: place, type, required, description }) => [place, { type, required, ...(description ? { description } : {}) }]));
  try {
    const made = await post(`${path}/versions`, { content: content.value, variables, bump, metadata: note ? { note } : {} });
    saved = true;
    location.assign(`?version=${made.version}`);
  } catch (error) {
    showFault(editor, error);
  }
});

let saved = false;
content.addEventListener("input", findPlaces);
addEventListener("beforeunload", (event) => {
  if (!saved && !content.readOnly && content.value !== published) event.preventDefault();
});

document.addEventListener("click", async (event) => {
  const control = event.target instanceof Element ? event.target.closest("button[data-act]") : null;
  if (!(control instanceof HTMLElement)) return;
  const version = /** @type {HTMLElement | null} */ (control.closest("[data-key]"))?.dataset.key ?? "";
  const { act, state: label } = control.dataset;
  const back = act === "rollback";
  const asks = back
    ? { title: "Roll back?", words: "Steps that begin from now on use the version that was in use before this one. The version stays.", confirm: "Roll back" }
    : { title: `Use ${version}?`, words: "Steps that begin from now on use it. Those that are under way stay with theirs.", confirm: "Use it" };
  if ((back || label === "production") && !(await confirmed(asks))) return;
  try {
    await (back ? post(`${path}/rollback`, {}) : post(`${path}/labels`, { label, version }));
    await refresh("prompt-state", "prompt-side");
    byId("notices").replaceChildren();
    announce(back ? "Rolled back" : `${version} is ${label === "production" ? "in use" : "the candidate"}`);
    toast(back ? "Rolled back" : label === "production" ? `${version} is in use` : `${version} is the candidate`);
    if (document.activeElement === document.body) byId("prompt-title").focus();
  } catch (error) {
    byId("notices").replaceChildren(errorBanner(error, { what: back ? "It was not rolled back" : "The label was not moved", kept: "The versions are as they were." }));
  }
});

startShell({ commands: () => [{ label: "Go to the list of prompts", icon: "message-square", run: () => location.assign("/prompts/") }] });
document.documentElement.dataset.ready = "true";
