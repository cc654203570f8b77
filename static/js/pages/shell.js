// @ts-check
/** What every page starts: the theme, the keys, and times that stay right. */

import { startKeys } from "../ui/palette.js";
import { setTheme, startTheme } from "../ui/theme.js";
import { refreshTimes } from "../ui/time.js";
import { markPage } from "../ui/invisible_characters.js";

/** @returns {import("../ui/palette.js").Command[]} */
export const shellCommands = () => [
  { label: "Go to your sessions", icon: "list-checks", run: () => location.assign("/") },
  { label: "Go to your graphs", icon: "workflow", run: () => location.assign("/graph/") },
  { label: "Go to prompts", icon: "message-square", run: () => location.assign("/prompts/") },
  { label: "Go to model endpoints", icon: "zap", run: () => location.assign("/endpoints/") },
  { label: "Go to costs and budgets", icon: "activity", run: () => location.assign("/costs/") },
  { label: "Use the light theme", icon: "sun", run: () => setTheme("light") },
  { label: "Use the dark theme", icon: "moon", run: () => setTheme("dark") },
  { label: "Use the system's theme", icon: "monitor", run: () => setTheme("system") },
  { label: "Read the API's documentation", icon: "info", run: () => location.assign("/v1/docs") },
];

/** @type {[string, string][]} */
const SHELL_KEYS = [
  ["Mod-K", "Command palette"],
  ["?", "This sheet"],
];

/**
 * @param {{commands?: () => import("../ui/palette.js").Command[], keys?: [string, string][],
 *   single?: Record<string, () => boolean | void>}} [page]
 */
export function startShell({ commands = () => [], keys = [], single = {} } = {}) {
  markPage(document.body);
  startTheme();
  startKeys({ commands: () => [...commands(), ...shellCommands()], keys: [...keys, ...SHELL_KEYS], single });
  refreshTimes();
  setInterval(refreshTimes, 30_000);
  return { refresh: refreshTimes };
}

