// @ts-check
/** The list of prompts: a new one is named here, and written on its own page. */

import { post } from "../net/api.js";
import { showFault, values } from "../ui/refreshing.js";
import { startShell } from "./shell.js";

const form = document.getElementById("new-prompt");
if (form instanceof HTMLFormElement) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const made = await post("/v1/prompts", values(form));
      location.assign(`/prompts/${made.name}/`);
    } catch (error) {
      showFault(form, error);
    }
  });
}

startShell({
  commands: () => [...document.querySelectorAll("a.session-title")].map((link) => ({
    label: `Open ${link.textContent}`, icon: "message-square", run: () => location.assign(/** @type {HTMLAnchorElement} */ (link).href),
  })),
});
document.documentElement.dataset.ready = "true";
