// @ts-check
/** A run on the graph version that it ran with: where it is, how it went, and one step with all that it saw and did. */

import { counted } from "../ui/plurals.js";
import { attempts, shownValue } from "../graph/attempts.js";
import { Canvas } from "../graph/canvas.js";
import { asked, askedBy } from "../graph/dialogs.js";
import { modelCalls } from "../graph/model_calls.js";
import { startPanels } from "../graph/panels.js";
import { OVER, shownStatus } from "../graph/step_status.js";
import { Timeline } from "../graph/timeline.js";
import { buildToolbar } from "../graph/toolbar.js";
import { get, post } from "../net/api.js";
import { RunFiles } from "../refine/files.js";
import { SchemaForm } from "../refine/schema_form.js";
import { SessionSocket } from "../net/socket.js";
import { byId, button, fill, h, icon, pageData } from "../ui/dom.js";
import { announce, errorBanner } from "../ui/notices.js";
import { duration } from "../ui/time.js";
import { startShell } from "./shell.js";

const data = pageData("page");
const { definition, layout } = data;
const path = `/v1/runs/${data.run}`;
const LOOK_MS = 300;
/** While events tell of what happens, what only a look brings (costs, checkpoints) may come a little later. */
const LOOK_WHEN_TOLD_MS = 1500;
/** @type {Record<string, [string, string, string]>} icon, words, tone of the pill */
const STATUS = {
  queued: ["clock", "Queued", "saving"], running: ["activity", "Running", "saving"], interrupted: ["hourglass", "Waiting for an answer", "connecting"],
  completed: ["circle-check", "Done", "saved"], failed: ["circle-x", "Failed", "refused"], cancelled: ["circle-slash", "Stopped", "connecting"],
};
/** @type {Map<number, import("../graph/timeline.js").Step>} */
const steps = new Map();
let run = /** @type {any} */ (null);
let filter = "";
let opened = -1;
/** What of the opened step its panel shows; another means that it is read anew. */
let openedAs = "";
let lastStatus = "";
let [begun, newest] = [0, 0];
let isTold = false;
let drawing = false;

const canvas = new Canvas(byId("canvas"), {
  label: `The graph as it ran, version ${data.version.semver || data.version.version}. The timeline holds the same.`,
  select: ([key]) => key && openNode(key), open: openNode,
});
buildToolbar(byId("toolbar"), { canvas, editable: false });
const files = new RunFiles(byId("files"), (error, what) => failed(what, error));
const timeline = new Timeline(byId("timeline"), openStep);
const panels = startPanels(byId("main"));

/** @param {string} what @param {unknown} error */
const failed = (what, error) => byId("notices").replaceChildren(errorBanner(error, { what, kept: "What the run has done is kept." }));

// Reading ------------------------------------------------------------------------------------------------------------

/** How far a step has come: what is heard and what is read may come in either order. @param {import("../graph/timeline.js").Step} step */
const come = (step) => 2 * step.attempt + (step.status === "started" ? 0 : 1);

/** @param {import("../graph/timeline.js").Step} step */
function keep(step) {
  const known = steps.get(step.activation);
  if (!known || come(step) >= come(known)) steps.set(step.activation, step);
}

/** @type {Record<string, string>} */
const HEARD = { "node.started": "started", "node.retried": "started", "node.completed": "completed", "node.failed": "failed" };

/** Takes what an event tells of a step, without asking for more. @param {any} frame @returns {boolean} whether it tells of one */
function heard({ type, at, data: { node_run, node_id, tool, activation, attempt, duration_ms = null, edges = [], tokens, error } }) {
  const status = HEARD[type];
  if (!status || activation === undefined) return false;
  const known = steps.get(activation);
  keep({ id: node_run, activation, number: known?.number ?? null, node_id, tool, status, error_code: error?.code ?? null, attempt, duration_ms, edges,
    started_at: known?.started_at ?? (status === "started" ? at : null), tokens: tokens ?? known?.tokens ?? { prompt: 0, completion: 0 }, cost_usd: known?.cost_usd ?? null, heard: true });
  if (!drawing) requestAnimationFrame(() => ((drawing = false), show()));
  drawing = true;
  return true;
}

/** The steps that began; what was skipped is numbered after all that may still come. */
const ran = () => [...steps.values()].filter((step) => step.status !== "skipped");

/** Brings steps up to date: from the first that was not over when it was last read. */
async function look() {
  begun += 1;
  const mine = begun;
  const fresh = await get(path);
  if (mine < newest) return;
  newest = mine;
  run = fresh;
  const open = [...steps.values()].filter((step) => step.status === "started" || step.heard).map((step) => step.activation);
  let start = Math.min(...open, Math.max(-1, ...ran().map((step) => step.activation)) + 1);
  let page = await get(`${path}/timeline?start=${start}`);
  const first = steps.size === 0;
  for (;;) {
    for (const step of page.steps) keep(step);
    if (!page.more) break;
    // The next steps are on their way while the first are drawn; those between are not drawn by themselves.
    start = page.steps.at(-1).activation + 1;
    const next = get(`${path}/timeline?start=${start}`);
    if (first && steps.size === page.steps.length) show(), (document.documentElement.dataset.ready = "true");
    page = await next;
  }
  show();
  if (lastStatus && lastStatus !== run.status) announce(`The run is ${run.status}`);
  lastStatus = run.status;
}

async function follow() {
  try {
    await look();
    if (!OVER.includes(run.status)) setTimeout(follow, isTold ? LOOK_WHEN_TOLD_MS : LOOK_MS);
  } catch (error) {
    failed("The run could not be read", error);
    setTimeout(follow, 10 * LOOK_MS);
  }
}

// Showing ------------------------------------------------------------------------------------------------------------

function show() {
  const [iconName, words, tone] = run.sleeps_until ? ["hourglass", run.waits_for.length ? `Waits for ${run.waits_for.map((/** @type {string} */ name) => name.replace(/^endpoint:/, "model ")).join(" or ")}` : `Sleeps until ${new Date(run.sleeps_until).toLocaleString()}`, "saving"] : STATUS[run.status];
  byId("status").dataset.state = tone;
  fill(byId("status"), icon(iconName), words);
  fill(byId("facts"), [`version ${data.version.semver || data.version.version}`, run.duration_ms !== null && duration(run.duration_ms), counted(ran().length, "step"),
    run.tokens.prompt + run.tokens.completion > 0 && counted(run.tokens.prompt + run.tokens.completion, "token"), run.cost_usd !== null ? `$${run.cost_usd}` : run.tokens.prompt + run.tokens.completion > 0 && "cost unknown"].filter(Boolean).join(" · "));
  showGraph();
  showTimeline();
  showActions();
  files.show(run);
  followOpened();
  if (run.error) byId("notices").dataset.error ??= (fill(byId("notices"), h("div", { class: "banner bad", role: "alert" }, icon("circle-alert"), h("div", { class: "words" }, h("strong", null, run.error.node_id ? `Node ${run.error.node_id} failed` : "The run failed"), run.error.message))), "shown");
}

function showGraph() {
  /** @type {Map<string, import("../graph/timeline.js").Step[]>} */
  const byNode = new Map();
  /** @type {Map<string, number>} */
  const taken = new Map();
  for (const step of steps.values()) {
    const own = byNode.get(step.node_id);
    if (own) own.push(step);
    else byNode.set(step.node_id, [step]);
    for (const [from, to] of step.edges) taken.set(`${from}\n${to}`, (taken.get(`${from}\n${to}`) ?? 0) + 1);
  }
  const waiting = new Set(run.interrupts.map((/** @type {any} */ one) => one.node_id));
  const over = OVER.includes(run.status);
  const most = definition.max_iterations ?? 100;
  canvas.show(
    definition.nodes.map((/** @type {any} */ node) => {
      const own = byNode.get(node.node_id) ?? [];
      const last = own.at(-1);
      const status = waiting.has(node.node_id) ? "waiting" : (last && shownStatus(last, run.status)) ?? (over ? "skipped" : undefined);
      return { key: node.node_id, node_id: node.node_id, label: node.label || node.node_id, tool: node.tool, entry: node.node_id === definition.entry_node, status, detail: told(own) };
    }),
    layout.edges.map((/** @type {any} */ edge, /** @type {number} */ at) => {
      const count = taken.get(`${edge.from_node}\n${edge.to_node}`) ?? 0;
      return { key: String(at), from: edge.from_node, to: edge.to_node, type: edge.type, label: edge.label, state: count ? "taken" : "not-taken", count: count > 1 ? `${count}/${most}` : undefined };
    }),
    layout,
  );
}

/** What stands on a node: how often, how long, at which attempt, for how much. @param {import("../graph/timeline.js").Step[]} own */
function told(own) {
  const took = own.reduce((sum, step) => sum + (step.duration_ms ?? 0), 0);
  const cost = own.reduce((sum, step) => sum + Number(step.cost_usd ?? 0), 0);
  const tokens = own.reduce((sum, step) => sum + step.tokens.prompt + step.tokens.completion, 0);
  const attempt = own.reduce((most, step) => Math.max(most, step.attempt), 0);
  return [own.length > 1 && `${own.length}×`, own.length && duration(took), attempt > 1 && `try ${attempt}`, tokens > 0 && `${tokens} tok`, cost > 0 && `$${cost.toFixed(4)}`].filter(Boolean).join(" · ");
}

/** By itself: what the run's end stopped did not fail. @param {import("../graph/timeline.js").Step} step */
const hasFailed = (step) => shownStatus(step, run.status) === "failed";

function showTimeline() {
  const all = [...steps.values()].sort((one, other) => one.activation - other.activation);
  const shown = all.filter((step) => !filter || (filter === "failed" ? hasFailed(step) || step.attempt > 1 : step.node_id === filter));
  const start = new Date(run.started_at ?? run.created_at).getTime();
  timeline.show(shown.map((step) => ({ ...step, status: shownStatus(step, run.status) })), { start, end: Math.max(start + 1, run.finished_at ? new Date(run.finished_at).getTime() : Date.now()) });
  byId("first-failure").hidden = !all.some(hasFailed);
}

const select = /** @type {HTMLSelectElement} */ (byId("filter"));
select.append(...definition.nodes.map((/** @type {any} */ node) => h("option", { value: node.node_id }, node.node_id)));
select.addEventListener("change", () => ((filter = select.value), showTimeline()));
byId("first-failure").addEventListener("click", () => {
  const first = [...steps.values()].find(hasFailed);
  if (first) openStep(first);
});

/** @param {string} nodeId */
function openNode(nodeId) {
  const last = [...steps.values()].filter((step) => step.node_id === nodeId).at(-1);
  if (last) openStep(last);
  else fill(byId("details"), h("p", { class: "note" }, `${nodeId} has not run.`));
}

/** @param {import("../graph/timeline.js").Step} step */
function openStep(step) {
  opened = step.activation;
  timeline.select(step.activation);
  canvas.select([step.node_id], { reveal: true });
  panels.show("details", "if hidden");
  return readOpened();
}

/** What makes the opened step's panel stale: how far the step is, and whether its run is over. @param {import("../graph/timeline.js").Step} step */
const standing = (step) => JSON.stringify([step.activation, step.attempt, step.status, step.number, OVER.includes(run.status)]);

/** Keeps the panel of the opened step true while the run goes on. */
function followOpened() {
  const step = steps.get(opened);
  if (step && standing(step) !== openedAs) readOpened();
}

async function readOpened() {
  const step = steps.get(opened);
  if (!step) return;
  openedAs = standing(step);
  try {
    const whole = await get(`${path}/steps/${step.activation}`);
    // Only what asked a model, or may yet, has calls to show.
    const asks = whole.endpoint || whole.tokens.prompt > 0 || whole.status !== "completed";
    const calls = asks ? (await get(`${path}/node-runs/${step.id}/model-calls`)).model_calls : [];
    if (opened === step.activation && openedAs === standing(steps.get(opened) ?? step)) showStep(step, whole, calls);
  } catch (error) {
    failed("The step could not be read", error);
  }
}

/** @param {import("../graph/timeline.js").Step} step @param {any} whole @param {import("../graph/model_calls.js").ModelCall[]} calls */
function showStep(step, whole, calls) {
  const fact = (/** @type {string} */ name, /** @type {any} */ value) => (value ? [h("dt", null, name), h("dd", null, value)] : []);
  const status = shownStatus({ status: whole.status, error_code: whole.error?.code }, run.status);
  fill(byId("details"), h("h3", { tabindex: "-1", id: "step-title" }, whole.node_id),
    h("dl", { class: "facts" }, fact("Status", status), fact("Tool", whole.tool), fact("Attempt", String(whole.attempt)), fact("Took", whole.duration_ms !== null && duration(whole.duration_ms)),
      fact("Endpoint", whole.endpoint), fact("Tokens", whole.tokens.prompt + whole.tokens.completion > 0 && `${whole.tokens.prompt} in, ${whole.tokens.completion} out`),
      fact("Cost", whole.endpoint && (whole.cost_usd === null ? "unknown" : `$${whole.cost_usd}`)), fact("Checkpoint", whole.number && String(whole.number)), fact("Went on to", step.edges.map(([, to]) => to).join(", "))),
    whole.error && [h("h4", null, "Error"), h("p", { class: "field-error" }, whole.error.message)],
    attempts(whole, status),
    whole.text && [h("h4", null, "Text"), h("pre", { class: "value", tabindex: "0" }, whole.text)],
    modelCalls(calls),
    h("h4", null, "Input"), shownValue(whole.input), h("h4", null, "Output"), shownValue(whole.output),
    OVER.includes(run.status) && whole.number && h("div", { class: "row" },
      button("Run again from here", () => fork(whole.number - 1), { class: "small", icon: "repeat" }),
      button("Change the state and fork", () => editAndFork(whole), { class: "small", icon: "pencil" })));
}

// Acting -------------------------------------------------------------------------------------------------------------

function showActions() {
  const shown = JSON.stringify([run.status, run.cancel_requested_at]);
  const root = byId("actions");
  if (root.dataset.shown === shown) return;
  root.dataset.shown = shown;
  fill(root,
    !OVER.includes(run.status) && button(run.cancel_requested_at ? "Stopping…" : "Stop", () => act("cancel", {}), { icon: "circle-stop", disabled: Boolean(run.cancel_requested_at) }),
    ["failed", "cancelled"].includes(run.status) && button("Retry…", retry, { icon: "rotate-ccw", class: "primary" }),
    run.status === "interrupted" && run.interrupts.map((/** @type {any} */ one) => button(`Answer ${one.node_id}`, () => answer(one), { icon: "message-square", class: "primary" })),
    OVER.includes(run.status) && button("Run again", () => fork(0), { icon: "play" }));
}

/** @param {string} verb @param {any} body */
async function act(verb, body) {
  try {
    const started = await post(`${path}/${verb}`, body);
    if (started.id !== data.run) return location.assign(`/runs/${started.id}/`);
    await look();
  } catch (error) {
    failed(`The run did not do that (${verb})`, error);
  }
}

/** @param {number} checkpoint @param {any} [state] */
const fork = (checkpoint, state = {}) => act("fork", { checkpoint, state });

/** @param {any} whole */
async function editAndFork(whole) {
  const given = await asked({ title: `Before ${whole.node_id}`, confirm: "Fork", words: "Keys that are set here have these values from this checkpoint on; others stay.", fields: [{ name: "state", label: "State (JSON)", kind: "json", value: JSON.stringify(whole.input, null, 2) }] });
  if (given) await fork(whole.number - 1, JSON.parse(given.state));
}

/** @param {any} interrupt */
async function answer(interrupt) {
  const given = await askedBy({ title: interrupt.question, confirm: "Answer", form: new SchemaForm("answer", interrupt.schema, interrupt.default) });
  if (given) await act("resume", { interrupt: interrupt.id, value: given.value });
}

/** Shows what a retry would reuse before it is made. */
async function retry() {
  try {
    const plan = await get(`${path}/retry`);
    /** @type {Record<string, string>} */
    const words = { reuse: "is reused", run_again: "runs again", drop: "is dropped", blocked: "is in the way" };
    const lines = plan.nodes.map((/** @type {any} */ node) => `${node.node_id} ${words[node.action]}${node.why ? `: ${node.why}` : ""}`);
    opened = -1; // the plan stands in the panel now
    fill(byId("details"), h("h3", { id: "step-title", tabindex: "-1" }, `Retry on version ${plan.version}`),
      h("ul", { class: "stack tight" }, lines.map((/** @type {string} */ line) => h("li", null, line))),
      h("p", null, plan.starts.length ? `Starts with ${plan.starts.join(", ")}.` : "Nothing would start."),
      plan.blocked ? h("p", { class: "field-error" }, "What was done does not fit this version, so it cannot go on.") : h("div", null, button("Retry now", () => act("retry", {}), { class: "primary", icon: "rotate-ccw" })));
    panels.show("details", "if hidden");
    byId("step-title").focus();
  } catch (error) {
    failed("The retry could not be planned", error);
  }
}

startShell({
  commands: () => [{ label: "Open the graph as it is now", icon: "workflow", run: () => location.assign(`/graph/${data.graph.slug}/`) }, { label: "Fit the drawing", icon: "maximize", run: () => canvas.camera.fit() }],
  single: { 0: () => canvas.camera.fit() },
});
fill(byId("details"), h("p", { class: "note" }, "Choose a step of the timeline or a node."));
await follow();
// A run of a session is told of by the session's events, sooner than the next look.
if (data.session && !OVER.includes(run.status)) {
  const session = await get(`/v1/sessions/${data.session}`);
  let seen = session.last_seq;
  new SessionSocket({
    path: `/ws/sessions/${data.session}/`, after: () => seen, onState: (state) => (isTold = state === "open"),
    onFrame: (frame) => {
      seen = frame.seq ?? seen;
      if (frame.run === data.run && frame.seq !== null && !heard(frame)) look().catch((error) => failed("The run could not be read", error));
    },
  }).open();
}
document.documentElement.dataset.ready = "true";
