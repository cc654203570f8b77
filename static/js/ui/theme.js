// @ts-check
/** Light, dark, or as the system has it; a cookie, so that the server renders it right the first time. */

import { byId, fill, icon } from "./dom.js";
import { announce } from "./notices.js";

const THEMES = /** @type {const} */ (["system", "light", "dark"]);
const ICONS = { system: "monitor", light: "sun", dark: "moon" };

/** @returns {typeof THEMES[number]} */
const current = () => THEMES.find((theme) => theme === document.documentElement.dataset.theme) ?? "system";

/** What is seen, also where the system decides. @returns {"light" | "dark"} */
export function shownTheme() {
  const theme = current();
  return theme === "system" ? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light") : theme;
}

/** @param {typeof THEMES[number]} theme */
export function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax${secure}`;
  showTheme();
  announce(`Theme: ${theme}`);
}

export function nextTheme() {
  setTheme(THEMES[(THEMES.indexOf(current()) + 1) % THEMES.length]);
}

function showTheme() {
  const control = byId("theme");
  fill(control, icon(ICONS[current()]));
  control.setAttribute("aria-label", `Theme: ${current()}. Change`);
  control.setAttribute("title", `Theme: ${current()}`);
}

export function startTheme() {
  byId("theme").addEventListener("click", nextTheme);
  showTheme();
}

