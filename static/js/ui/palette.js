// @ts-check
/** The command palette (Ctrl-K) and the sheet of keys (?). */

import { button, fill, h, icon, isTyping } from "./dom.js";

/** @typedef {{label: string, icon: string, keys?: string, run: () => void, when?: () => boolean}} Command */

const IS_MAC = /Mac|iPhone|iPad/.test(navigator.platform);

/** "Mod" as this computer's keyboard calls it. @param {string} keys */
export const keyLabel = (keys) => keys.replace("Mod", IS_MAC ? "⌘" : "Ctrl");

/** @param {string} keys */
const keyCaps = (keys) => keys.split("-").map((key) => h("kbd", null, keyLabel(key)));

/** Whether the letters of a query come in this order in a label. @param {string} query @param {string} label */
function matches(query, label) {
  let at = 0;
  for (const letter of query.toLowerCase().replaceAll(" ", "")) {
    at = label.toLowerCase().indexOf(letter, at) + 1;
    if (at === 0) return false;
  }
  return true;
}

/** @param {() => Command[]} commands */
export function openPalette(commands) {
  const usable = commands().filter((command) => command.when?.() ?? true);
  let shown = usable;
  let selected = 0;
  const list = h("div", { role: "listbox", id: "palette-list", "aria-label": "Commands" });
  const input = h("input", {
    class: "input", type: "text", placeholder: "Type a command", role: "combobox", "aria-expanded": "true",
    "aria-controls": "palette-list", "aria-label": "Command", autocomplete: "off", spellcheck: "false",
  });
  const dialog = h("dialog", { class: "dialog palette", "aria-label": "Command palette" }, input, list);
  const close = () => (dialog.close(), dialog.remove());
  const run = (/** @type {Command | undefined} */ command) => (close(), command?.run());
  const show = () => {
    shown = usable.filter((command) => matches(input.value, command.label));
    selected = Math.min(selected, Math.max(0, shown.length - 1));
    fill(list, shown.map((command, i) =>
      h("div", { role: "option", id: `palette-${i}`, "aria-selected": String(i === selected), on: { click: () => run(command) } },
        icon(command.icon), command.label, command.keys && h("span", { class: "end" }, keyCaps(command.keys)))));
    if (!shown.length) fill(list, h("div", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, "No command matches"));
    input.setAttribute("aria-activedescendant", shown.length ? `palette-${selected}` : "");
    list.children[selected]?.scrollIntoView({ block: "nearest" });
  };
  input.addEventListener("input", () => ((selected = 0), show()));
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && shown.length) {
      selected = (selected + step + shown.length) % shown.length;
      event.preventDefault();
      show();
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(shown[selected]);
    }
  });
  dialog.addEventListener("click", (event) => event.target === dialog && close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  show();
  dialog.showModal();
}

/** @param {[string, string][]} keys what each does */
export function openKeys(keys) {
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "keys-title" });
  const rows = keys.flatMap(([combination, what]) => [h("dt", null, what), h("dd", { class: "row" }, keyCaps(combination))]);
  fill(
    dialog,
    h("header", null, h("h2", { id: "keys-title" }, "Keys"), button("Close", () => dialog.close(), { icon: "x", hideLabel: true, class: "quiet square" })),
    h("div", { class: "body" }, h("dl", { class: "keys" }, rows)),
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * Listens for the palette, the sheet, and single keys that rest while a person types.
 * @param {{commands: () => Command[], keys: [string, string][], single: Record<string, () => boolean | void>}} options
 */
export function startKeys({ commands, keys, single }) {
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      openPalette(commands);
      return;
    }
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key === "?") {
      event.preventDefault();
      openKeys(keys);
      return;
    }
    const action = Object.hasOwn(single, event.key) ? single[event.key] : undefined;
    if (action && action() !== false) event.preventDefault();
  });
  document.getElementById("palette")?.addEventListener("click", () => openPalette(commands));
  document.getElementById("keys")?.addEventListener("click", () => openKeys(keys));
}
