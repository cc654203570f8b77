// @ts-check
/** Parts of a page as the server makes them now: fetched again after a change, so that each is drawn in one place only. */

import { ApiError } from "../net/api.js";
import { refreshTimes } from "./time.js";
import { fill } from "./dom.js";
import { markPage } from "./invisible_characters.js";

/**
 * Puts fresh parts in the place of those shown, and keeps what was focused where it is still there.
 * @param {...string} ids of the elements to be replaced
 */
export async function refresh(...ids) {
  const response = await fetch(location.href, { credentials: "same-origin" });
  if (!response.ok || response.redirected) throw new ApiError("server", { detail: "The page could not be read again." }, { call: `GET ${location.pathname}` });
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const focused = placeOf(document.activeElement);
  const open = [...document.querySelectorAll("details[open][id]")].map((each) => each.id);
  for (const id of ids) {
    const [before, after] = [document.getElementById(id), fresh.getElementById(id)];
    if (!before || !after) continue;
    before.replaceWith(document.adoptNode(after));
    markPage(after);
  }
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focused) findPlace(focused)?.focus();
  refreshTimes();
}

/** @typedef {{id: string} | {key: string, act: string, state: string}} Place */

/** @param {Element | null} element @returns {Place | null} */
function placeOf(element) {
  if (!(element instanceof HTMLElement) || element === document.body) return null;
  if (element.id) return { id: element.id };
  const row = element.closest("[data-key]");
  return row instanceof HTMLElement && element.dataset.act ? { key: row.dataset.key ?? "", act: element.dataset.act, state: element.dataset.state ?? "" } : null;
}

/** @param {Place} place @returns {HTMLElement | null} */
function findPlace(place) {
  if ("id" in place) return document.getElementById(place.id);
  const row = [...document.querySelectorAll("[data-key]")].find((each) => each instanceof HTMLElement && each.dataset.key === place.key);
  const controls = [...(row?.querySelectorAll("[data-act]") ?? [])];
  return /** @type {HTMLElement | null} */ (controls.find((each) => each instanceof HTMLElement && each.dataset.act === place.act && (each.dataset.state ?? "") === place.state) ?? null);
}

/**
 * What a form's fields say, as JSON for REST: numbers as numbers, what is empty as null or left out.
 * @param {HTMLFormElement} form @returns {Record<string, any>}
 */
export function values(form) {
  /** @type {Record<string, any>} */
  const said = {};
  for (const field of form.elements) {
    if (!(field instanceof HTMLInputElement || field instanceof HTMLSelectElement || field instanceof HTMLTextAreaElement) || !field.name) continue;
    if (field.type === "number") said[field.name] = field.value === "" ? null : Number(field.value);
    else if (field.type === "checkbox") said[field.name] = /** @type {HTMLInputElement} */ (field).checked;
    else said[field.name] = field.value;
  }
  return said;
}

/**
 * Says beside a form what was wrong, marks the field, and takes the person there.
 * @param {HTMLFormElement} form @param {unknown} error what came of sending it; null clears what was said before
 */
export function showFault(form, error) {
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  const line = /** @type {HTMLElement} */ (form.querySelector(".field-error"));
  line.hidden = error === null;
  line.textContent = "";
  if (error === null) return;
  const problem = error instanceof ApiError ? error.problem.errors?.[0] : undefined;
  const name = problem?.pointer.split("/")[1] ?? "";
  const field = name ? form.elements.namedItem(name) : null;
  const words = problem ? `${labelOf(field) || name}: ${problem.message}` : error instanceof Error ? error.message : String(error);
  fill(line, words);
  if (field instanceof HTMLElement) {
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }
}

/** @param {unknown} field */
const labelOf = (field) => (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement || field instanceof HTMLSelectElement ? field.labels?.[0]?.textContent ?? "" : "");
