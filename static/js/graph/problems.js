// @ts-check
/** What is wrong with the drawing, listed as it is found, each with the way to its place. */

import { button, fill, h, icon } from "../ui/dom.js";

/** @typedef {{pointer: string, code: string, message: string}} Problem */

/**
 * Which node or edge each problem is about, by its pointer into the definition that was checked.
 * @param {Problem[]} problems @param {string[]} nodeKeys @param {string[]} edgeKeys
 * @returns {Map<string, Problem[]>} "" is the graph itself
 */
export function placed(problems, nodeKeys, edgeKeys) {
  /** @type {Map<string, Problem[]>} */
  const found = new Map();
  for (const problem of problems) {
    const [, list, index] = problem.pointer.split("/");
    const key = (list === "nodes" ? nodeKeys[Number(index)] : list === "edges" ? edgeKeys[Number(index)] : "") ?? "";
    found.set(key, [...(found.get(key) ?? []), problem]);
  }
  return found;
}

/** @param {HTMLElement} root @param {Map<string, Problem[]>} found @param {(key: string) => string} nameOf @param {(key: string) => void} jump */
export function showProblems(root, found, nameOf, jump) {
  const all = [...found].flatMap(([key, problems]) => problems.map((problem) => ({ key, problem })));
  root.hidden = all.length === 0;
  fill(root, h("h2", { class: "problems-title" }, icon("triangle-alert"), `${all.length} problem${all.length === 1 ? "" : "s"}`),
    h("ul", null, all.slice(0, 100).map(({ key, problem }) =>
      h("li", null, button(`${nameOf(key)}: ${problem.message}`, () => jump(key), { class: "quiet small problem" })))));
}
