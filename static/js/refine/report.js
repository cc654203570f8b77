// @ts-check
/** What a code review found, from the run's state: functions, complexity, issues and suggestions. */

import { counted } from "../ui/plurals.js";
import { button, h } from "../ui/dom.js";

/** @param {unknown} value @returns {any[]} */
const rows = (value) => (Array.isArray(value) ? value : value && typeof value === "object" ? Object.values(value) : []);

/** @param {any} row @param {string[]} names */
const first = (row, names) => names.map((name) => row?.[name]).find((value) => value !== undefined && value !== null && value !== "");

/** @param {any} row */
const lineOf = (row) => first(row, ["line", "start_line", "lineno", "row", "start"]);

const TONES = { error: "bad", high: "bad", critical: "bad", warning: "warn", medium: "warn" };

/** The worst first, then as they stand in the text. @type {Record<string, number>} */
const RANKS = { critical: 0, error: 0, high: 0, warning: 1, medium: 1 };

/** @param {any} row @returns {string | undefined} */
const severityOf = (row) => (row && typeof row === "object" ? first(row, ["severity", "level"]) : undefined);

/** @param {any} row */
const rank = (row) => RANKS[String(severityOf(row)).toLowerCase()] ?? 2;

/** @param {any} row */
function severity(row) {
  const value = severityOf(row);
  return value && h("span", { class: `tag ${Reflect.get(TONES, String(value).toLowerCase()) ?? ""}` }, String(value));
}

/** @param {any} row @param {(line: number) => void} goTo */
function findingRow(row, goTo) {
  if (typeof row !== "object" || row === null) return h("li", { class: "finding" }, h("span", { class: "finding-words" }, String(row)));
  const line = lineOf(row);
  const words = first(row, ["message", "text", "suggestion", "detail", "description", "title"]) ?? JSON.stringify(row);
  const code = first(row, ["rule", "code"]);
  return h("li", { class: "finding" },
    severity(row),
    h("span", { class: "finding-words" }, String(words), code && h("code", null, ` ${code}`)),
    line && button(`Line ${line}`, () => goTo(Number(line)), { class: "quiet small" }));
}

/** @param {any} fn @param {(line: number) => void} goTo */
function functionRow(fn, goTo) {
  const name = typeof fn === "string" ? fn : first(fn, ["name", "long_name", "function"]) ?? "?";
  const line = lineOf(fn);
  const complexity = first(fn, ["complexity", "cyclomatic_complexity"]);
  const length = first(fn, ["lines", "nloc", "length"]);
  return h("tr", null,
    h("th", { scope: "row" }, h("code", null, name)),
    h("td", null, complexity === undefined ? "" : h("span", { class: `tag ${complexity > 10 ? "warn" : ""}` }, String(complexity))),
    h("td", null, length ?? ""),
    h("td", null, line && button(`Line ${line}`, () => goTo(Number(line)), { class: "quiet small" })));
}

/** @param {any} complexity */
function complexityWords(complexity) {
  if (typeof complexity === "number") return `Highest complexity ${complexity}`;
  const most = first(complexity, ["max", "maximum", "highest"]);
  const mean = first(complexity, ["average", "mean"]);
  return [most !== undefined && `highest complexity ${most}`, mean !== undefined && `average ${Number(mean).toFixed(1)}`].filter(Boolean).join(", ");
}

/** The functions of a state, each with its complexity where that stands elsewhere in it. @param {any} state */
function functionsOf(state) {
  const details = rows(state.complexity_by_function ?? state.complexities ?? state.complexity?.functions ?? []);
  const byName = new Map(details.map((row) => [row?.name, row]));
  return rows(state.functions ?? state.complexity?.functions).map((fn) =>
    typeof fn === "object" ? { ...byName.get(fn.name), ...fn } : { name: fn, ...byName.get(fn) });
}

/**
 * @param {any} state
 * @param {(line: number) => void} goTo
 * @returns {HTMLElement | null} null where the state tells of no review
 */
export function reviewReport(state, goTo) {
  if (state?.graph_proposal) return redesignReport(state);
  if (!state || (state.functions === undefined && state.issues === undefined && state.suggestions === undefined)) return null;
  const functions = functionsOf(state);
  const issues = [...rows(state.issues ?? state.findings)].sort((a, b) => rank(a) - rank(b));
  const suggestions = rows(state.suggestions);
  return h("div", { class: "report" },
    h("p", { class: "note" }, [counted(functions.length, "function"), counted(issues.length, "issue"), counted(suggestions.length, "suggestion"), complexityWords(state.complexity)].filter(Boolean).join(" · ")),
    h("section", { "aria-label": "Issues" }, h("h3", null, "Issues"),
      issues.length ? h("ul", { class: "findings" }, issues.map((row) => findingRow(row, goTo))) : h("p", { class: "note" }, "No issues found.")),
    h("section", { "aria-label": "Suggestions" }, h("h3", null, "Suggestions"),
      suggestions.length ? h("ul", { class: "findings" }, suggestions.map((row) => findingRow(row, goTo))) : h("p", { class: "note" }, "No suggestions.")),
    functions.length > 0 && h("section", { "aria-label": "Functions" }, h("h3", null, "Functions"),
      h("div", { class: "table-scroll", tabindex: "0", role: "group", "aria-label": "Table of functions" },
        h("table", { class: "functions" },
          h("thead", null, h("tr", null, h("th", { scope: "col" }, "Name"), h("th", { scope: "col" }, "Complexity"), h("th", { scope: "col" }, "Lines"), h("th", { scope: "col" }, h("span", { class: "visually-hidden" }, "Place")))),
          h("tbody", null, functions.map((fn) => functionRow(fn, goTo)))))));
}

/** What a redesign proposes; it is decided on the graph's page. @param {any} state */
function redesignReport({ graph, graph_proposal, changes, summary }) {
  return h("div", { class: "report" }, h("p", null, summary),
    changes.length > 0 && h("section", { "aria-label": "Changes to the graph" }, h("h3", null, "Changes to the graph"),
      h("ul", { class: "findings" }, changes.map((/** @type {any} */ change) => h("li", { class: "finding" }, h("span", { class: "finding-words" }, h("strong", null, `${change.n}. ${change.title}`), ` ${change.reason}`))))),
    h("p", null, h("a", { href: `/graph/${graph}/?redesign=${graph_proposal}` }, "Decide on them on the page of the graph")));
}
