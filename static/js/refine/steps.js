// @ts-check
/** A run's progress: how far it is, its nodes with their state, and a word when no news comes. */

import { counted } from "../ui/plurals.js";
import { fill, h, icon } from "../ui/dom.js";
import { duration, full } from "../ui/time.js";
import { isActive, progressOf } from "./reduce.js";

/** @typedef {import("./reduce.js").RunView} RunView @typedef {import("./reduce.js").NodeView} NodeView */

export const QUIET_MS = 30_000;

/** @type {Record<string, {icon: string, text: string, tone: string}>} */
const STATES = {
  waiting: { icon: "circle-dashed", text: "waiting", tone: "" },
  started: { icon: "loader-circle", text: "running", tone: "busy" },
  retrying: { icon: "rotate-ccw", text: "trying again", tone: "warn" },
  completed: { icon: "circle-check", text: "done", tone: "good" },
  failed: { icon: "circle-x", text: "failed", tone: "bad" },
  skipped: { icon: "skip-forward", text: "skipped", tone: "" },
  asking: { icon: "hourglass", text: "waiting for an answer", tone: "warn" },
  stopped: { icon: "circle-slash", text: "stopped", tone: "" },
};

/** @type {Record<string, {icon: string, text: string, tone: string}>} */
export const RUN_STATES = {
  queued: { icon: "clock", text: "Queued", tone: "busy" },
  running: { icon: "loader-circle", text: "Running", tone: "busy" },
  interrupted: { icon: "hourglass", text: "Waiting for an answer", tone: "warn" },
  completed: { icon: "circle-check", text: "Done", tone: "good" },
  failed: { icon: "circle-x", text: "Failed", tone: "bad" },
  cancelled: { icon: "circle-slash", text: "Stopped", tone: "" },
};

/** @param {RunView} run */
export function runTag(run) {
  const state = run.cancelling && isActive(run) ? { icon: "loader-circle", text: "Stopping…", tone: "warn" } : RUN_STATES[run.status] ?? RUN_STATES.queued;
  return h("span", { class: `tag ${state.tone}` }, icon(state.icon, state.icon === "loader-circle" ? "spin" : ""), state.text);
}

/** A node's id as words. @param {string} id */
export const nodeName = (id) => {
  const words = id.replaceAll(/[_-]+/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** @param {RunView} run @param {number} now milliseconds since the epoch */
function elapsed(run, now) {
  if (!isActive(run)) return run.duration_ms;
  return run.started_at ? Math.max(0, now - new Date(run.started_at).getTime()) : null;
}

/** Whether a step tells its own error: not that it was stopped, nor what the run's failure says already. @param {NodeView} node @param {RunView} run */
const saysError = (node, run) =>
  Boolean(node.error?.message) && node.status !== "completed" && run.status !== "cancelled" && !run.cancelling && node.error.message !== run.error?.message;

/** @param {NodeView} node @param {RunView} run @param {number} now */
function nodeRow(node, run, now) {
  const active = isActive(run);
  const unfinished = node.status === "started" || node.status === "retrying";
  // In a run that waits, what has begun is a question, or holds one further down.
  const asks = unfinished && (run.status === "interrupted" || run.interrupts.some((each) => each.node_id === node.node_id));
  // What was under way when a run was stopped did not fail by itself.
  const stopped = (unfinished && !active) || (run.status === "cancelled" && node.status === "failed");
  const state = STATES[stopped ? "stopped" : asks ? "asking" : node.status] ?? STATES.waiting;
  const took = node.duration_ms ?? (unfinished && active && !asks && node.started_at ? now - new Date(node.started_at).getTime() : null);
  const part = unfinished && node.total ? `${node.done} of ${node.total}` : "";
  return h(
    "li",
    { class: `step ${state.tone}`, data: { node: node.node_id, status: node.status } },
    icon(state.icon, active && !asks && node.status === "started" ? "spin" : ""),
    h("span", { class: "step-name" }, nodeName(node.node_id)),
    h("span", { class: "step-more" },
      [state.text, part, node.attempt > 1 && `attempt ${node.attempt}`, took !== null && took >= 0 && duration(took)].filter(Boolean).join(" · ")),
    saysError(node, run) && h("span", { class: "step-error" }, node.error.message),
  );
}

/** @param {string} id */
const waitingRow = (id) =>
  h("li", { class: "step waiting", data: { node: id, status: "waiting" } }, icon("circle-dashed"), h("span", { class: "step-name" }, nodeName(id)), h("span", { class: "step-more" }, "waiting"));

/** What a run waits for that nothing works on. @param {RunView} run */
function restWords(run) {
  const endpoints = run.waitsFor.map((name) => name.replace(/^endpoint:/, ""));
  if (endpoints.length === 0) return `It sleeps until ${full(run.sleepsUntil ?? 0)}. You can stop it.`;
  return `It waits for the model ${endpoints.join(" or ")}, which rests after failures or is at its limit, and goes on as soon as it may be asked. You can stop it.`;
}

/**
 * @param {RunView} run
 * @param {string[]} planned the graph's nodes, in order, as far as known
 * @param {{clock: number, monotonic: number}} now
 */
export function runProgress(run, planned, now) {
  const active = isActive(run);
  const { done, total } = progressOf(run);
  const took = elapsed(run, now.clock);
  const nodes = run.order.map((id) => run.nodes[id]);
  const seen = new Set(nodes.map((node) => node.node_id));
  const summary = [
    total !== null && (active || done > 0) ? `${done} of ${counted(total, "step")}` : done > 0 ? counted(done, "step") : "",
    took !== null && duration(took),
    run.tokens && run.tokens.prompt + run.tokens.completion > 0 && counted(run.tokens.prompt + run.tokens.completion, "token"),
    run.cost_usd && `$${run.cost_usd}`,
  ].filter(Boolean).join(" · ");
  // The monotonic clock counts from the page's opening, as does `news` while nothing has come yet.
  const quiet = active && run.status === "running" && now.monotonic - run.news > QUIET_MS;
  const rests = active && run.status === "running" && run.sleepsUntil !== null;
  return [
    h("div", { class: "row run-line" }, runTag(run), h("span", { class: "note" }, summary)),
    active && total !== null && total > 0 && h("progress", { class: "meter", max: String(total), value: String(done), "aria-label": "Steps done" }),
    run.status !== "interrupted" && active && (total === null || total === 0) && h("progress", { class: "meter", "aria-label": "Running" }),
    rests ? h("p", { class: "note rest-note" }, icon("hourglass"), ` ${restWords(run)}`)
      : quiet && h("p", { class: "note quiet-note" }, icon("timer"), " No news for 30 s. A model may be slow or waking up; you can wait, or stop the run."),
    (nodes.length > 0 || active) &&
      h("ul", { class: "steps", "aria-label": "Steps" }, nodes.map((node) => nodeRow(node, run, now.clock)),
        active && planned.filter((id) => !seen.has(id)).map(waitingRow)),
  ];
}

/** @param {HTMLElement} element @param {RunView} run @param {string[]} planned @param {{clock: number, monotonic: number}} now */
export const showProgress = (element, run, planned, now) => fill(element, ...runProgress(run, planned, now));
