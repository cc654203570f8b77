// @ts-check
/** The list of graphs: deleting one asks first. */

import { call } from "../net/api.js";
import { byId } from "../ui/dom.js";
import { announce, confirmed, errorBanner } from "../ui/notices.js";
import { startShell } from "./shell.js";

document.addEventListener("click", async (event) => {
  const control = event.target instanceof Element ? event.target.closest('[data-act="delete"]') : null;
  const row = control?.closest(".session");
  if (!(row instanceof HTMLElement)) return;
  const { graph = "", title = "" } = row.dataset;
  if (!(await confirmed({ title: `Delete “${title}”?`, words: "Its draft and its versions are no longer to be seen. Runs that it made stay.", confirm: "Delete the graph" }))) return;
  try {
    await call("DELETE", `/v1/graphs/${graph}`);
    row.remove();
    announce("Graph deleted");
    byId("graphs-title").tabIndex = -1;
    byId("graphs-title").focus();
  } catch (error) {
    byId("notices").replaceChildren(errorBanner(error, { what: "The graph was not deleted", kept: "The list is as it was." }));
  }
});

startShell({
  commands: () => [...document.querySelectorAll(".session-title")].filter((link) => link instanceof HTMLAnchorElement).map((link) => ({
    label: `Open ${link.textContent}`, icon: "workflow", run: () => location.assign(/** @type {HTMLAnchorElement} */ (link).href),
  })),
});
