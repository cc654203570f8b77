// @ts-check
/** The page of costs: budgets are set and lifted, and a request is estimated before it is made. */

import { call, post } from "../net/api.js";
import { byId, fill, h } from "../ui/dom.js";
import { announce, confirmed, errorBanner, toast } from "../ui/notices.js";
import { refresh, showFault, values } from "../ui/refreshing.js";
import { startShell } from "./shell.js";

/** @param {string} id @param {(said: Record<string, any>, form: HTMLFormElement) => Promise<void>} send */
function onSubmit(id, send) {
  const form = document.getElementById(id);
  if (!(form instanceof HTMLFormElement)) return;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await send(values(form), form);
      showFault(form, null);
    } catch (error) {
      showFault(form, error);
    }
  });
}

onSubmit("set-budget", async ({ for: whose, limit_usd: limit, period }, form) => {
  const [scope, subject = null] = whose.split(":");
  await post("/v1/budgets", { scope, subject, period, limit_usd: limit });
  form.reset();
  await refresh("budget-list");
  toast("The budget is set");
});

onSubmit("estimate", async ({ session, intent, instruction }) => {
  const found = await post(`/v1/sessions/${session}/estimate`, { intent, instruction });
  const range = (/** @type {any} */ spread) => `${whole(spread.middle)} (${whole(spread.low)} to ${whole(spread.high)})`;
  fill(byId("estimated"), h("dl", { class: "facts" },
    h("dt", null, "Graph"), h("dd", null, found.graph.replaceAll("_", " ")),
    h("dt", null, "Tokens read"), h("dd", null, range(found.prompt_tokens)),
    h("dt", null, "Tokens written"), h("dd", null, range(found.completion_tokens)),
    h("dt", null, "Cost"), h("dd", null, found.cost_usd ? `$${found.cost_usd.middle} ($${found.cost_usd.low} to $${found.cost_usd.high})` : "not known"),
    h("dt", null, "Drawn from"), h("dd", null, found.runs ? `${found.runs} ${found.runs === 1 ? "run" : "runs"} of this graph` : "the length of the text alone: this graph has no runs with a model yet")));
});

const whole = (/** @type {string} */ number) => Number(number).toLocaleString();

document.addEventListener("click", async (event) => {
  const control = event.target instanceof Element ? event.target.closest('button[data-act="lift"]') : null;
  const row = control?.closest("[data-key]");
  if (!(row instanceof HTMLElement)) return;
  if (!(await confirmed({ title: "Lift this budget?", words: "Nothing holds what it held from now on. What was spent stays written down.", confirm: "Lift the budget" }))) return;
  try {
    await call("DELETE", `/v1/budgets/${row.dataset.key}`);
    await refresh("budget-list");
    announce("The budget is lifted");
    byId("costs-title").focus();
  } catch (error) {
    byId("notices").replaceChildren(errorBanner(error, { what: "The budget was not lifted", kept: "It holds as before." }));
  }
});

for (const select of byId("filter").querySelectorAll("select")) select.addEventListener("change", () => /** @type {HTMLFormElement} */ (byId("filter")).requestSubmit());

startShell();
document.documentElement.dataset.ready = "true";
