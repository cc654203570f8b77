// @ts-check
/** The page of endpoints: tests, switches, breakers and limits; all of it by REST, for staff. */

import { call, post } from "../net/api.js";
import { byId, fill, icon } from "../ui/dom.js";
import { announce, confirmed, errorBanner, toast } from "../ui/notices.js";
import { refresh, showFault, values } from "../ui/refreshing.js";
import { startShell } from "./shell.js";

const LISTS = "endpoint-lists";

/** @param {string} slug @param {string} [more] */
const pathOf = (slug, more = "") => `/v1/endpoints/${encodeURIComponent(slug)}${more}`;

/** @param {unknown} error @param {string} what */
const fail = (error, what) => byId("notices").replaceChildren(errorBanner(error, { what, kept: "The endpoint is as it was." }));

/** @param {HTMLElement} row @param {HTMLElement} control */
async function test(row, control) {
  const line = /** @type {HTMLElement} */ (row.querySelector(".probe"));
  control.setAttribute("aria-disabled", "true");
  row.dataset.probe = "";
  fill(line, icon("loader-circle", "spin"), " Asking it one small question…");
  try {
    const found = await post(pathOf(row.dataset.key ?? "", "/test"));
    row.dataset.probe = found.ok ? "good" : "bad";
    const took = `${Math.round(found.latency_ms).toLocaleString()} ms`;
    fill(line, icon(found.ok ? "circle-check" : "circle-x"), found.ok
      ? ` Answered in ${took}${found.first_words_ms === null ? "" : `, ${Math.round(found.first_words_ms).toLocaleString()} ms to the first words`}${found.model ? `, by ${found.model}` : ""}: “${found.answer.trim()}”`
      : ` ${found.reason || found.status} (${found.status}, after ${took})`);
  } catch (error) {
    fill(line);
    fail(error, "The endpoint was not tested");
  } finally {
    control.removeAttribute("aria-disabled");
  }
}

/** @param {HTMLElement} control @param {string} what @param {() => Promise<unknown>} change @param {string} done */
async function change(control, what, change, done) {
  if (control.getAttribute("aria-disabled") === "true") return;
  control.setAttribute("aria-disabled", "true");
  try {
    await change();
    await refresh(LISTS);
    byId("notices").replaceChildren();
    announce(done);
  } catch (error) {
    fail(error, what);
  } finally {
    control.removeAttribute("aria-disabled");
  }
}

document.addEventListener("click", async (event) => {
  const control = event.target instanceof Element ? event.target.closest("button[data-act]") : null;
  const row = control?.closest("[data-key]");
  if (!(row instanceof HTMLElement) || !(control instanceof HTMLElement)) return;
  const slug = row.dataset.key ?? "";
  const act = control.dataset.act;
  if (act === "test" && control.getAttribute("aria-disabled") !== "true") await test(row, control);
  if (act === "switch") {
    const enabled = control.dataset.enable === "true";
    await change(control, "The endpoint was not switched", () => call("PATCH", pathOf(slug), { body: { enabled } }), enabled ? "Switched on" : "Switched off");
  }
  if (act === "breaker") await change(control, "The breaker was not set", () => post(pathOf(slug, "/breaker"), { state: control.dataset.state }), "The breaker is set");
  if (act === "delete" && (await confirmed({ title: `Delete “${slug}”?`, words: "It is asked nothing any more. The ledger keeps what it was asked.", confirm: "Delete the endpoint" }))) {
    await change(control, "The endpoint was not deleted", () => call("DELETE", pathOf(slug)), "Endpoint deleted");
    byId("endpoints-title").focus();
  }
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.method !== "get" || !(form.id === "new-endpoint" || form.dataset.form === "limits")) return;
  event.preventDefault();
  try {
    if (form.id === "new-endpoint") {
      await post("/v1/endpoints", values(form));
      form.reset();
      toast("Added");
    } else {
      await call("PATCH", pathOf(/** @type {HTMLElement} */ (form.closest("[data-key]")).dataset.key ?? ""), { body: known(values(form)) });
      toast("Saved");
    }
    showFault(form, null);
    await refresh(LISTS);
  } catch (error) {
    showFault(form, error);
  }
});

/** Times have no "none": what is left empty stays as it was. @param {Record<string, any>} said */
const known = (said) => Object.fromEntries(Object.entries(said).filter(([name, value]) => value !== null || !["context_tokens", "timeout_s", "idle_timeout_s"].includes(name)));

startShell({
  commands: () => [...document.querySelectorAll('[data-act="test"]')].map((control) => ({
    label: control.getAttribute("aria-label") ?? "", icon: "activity", run: () => /** @type {HTMLElement} */ (control).click(),
  })),
});
document.documentElement.dataset.ready = "true";
