// @ts-check
/** The versions of a graph: compared on the canvas and in words, taken up as a draft, rolled back to. */

import { Canvas } from "../graph/canvas.js";
import { drawBoth, MARKS, marksOf, TONES } from "../graph/comparing.js";
import { get, post } from "../net/api.js";
import { byId, fill, h, icon, pageData } from "../ui/dom.js";
import { confirmed, errorBanner } from "../ui/notices.js";
import { startShell } from "./shell.js";

const { graph, versions } = pageData("page");
const path = `/v1/graphs/${graph.slug}`;
const canvas = new Canvas(byId("canvas"), { whole: true, label: "Both versions in one drawing; the list below says the same in words." });
const old = /** @type {HTMLSelectElement} */ (byId("compare-old"));
const fresh = /** @type {HTMLSelectElement} */ (byId("compare-new"));

async function compare() {
  try {
    show(await get(`${path}/compare?old=${old.value}${fresh.value ? `&new=${fresh.value}` : ""}`));
  } catch (error) {
    byId("notices").replaceChildren(errorBanner(error, { what: "The versions could not be compared", retry: compare }));
  }
}

/** @param {any} found */
function show(found) {
  const marks = marksOf(found);
  const { nodes, edges } = marks;
  drawBoth(canvas, found, marks);
  const [n, e] = [nodes.size, edges.size];
  fill(byId("compare-summary"), found.same && n === 0 ? "They are the same." : `${n} node${n === 1 ? "" : "s"} and ${e} edge${e === 1 ? "" : "s"} differ${found.graph.length ? ", and the graph itself" : ""}.`);
  fill(byId("differences"),
    found.graph.length > 0 && block("The graph itself", "changed", found.graph),
    found.nodes_added.map((/** @type {string} */ id) => block(`Node ${id}`, "added")), found.nodes_removed.map((/** @type {string} */ id) => block(`Node ${id}`, "removed")),
    found.nodes_changed.map((/** @type {any} */ node) => block(`Node ${node.node_id}`, "changed", node.differences)),
    found.nodes_moved.map((/** @type {string} */ id) => block(`Node ${id}`, "moved")),
    [["added", found.edges_added], ["removed", found.edges_removed], ["changed", found.edges_changed]].flatMap(([state, list]) =>
      list.map((/** @type {any} */ edge) => block(`Edge ${edge.from_node} to ${edge.to_node}${edge.condition ? ` if ${edge.condition}` : ""}`, state, edge.differences))));
}

const shown = (/** @type {any} */ value) => (value === null ? "nothing" : typeof value === "string" ? value : JSON.stringify(value));

/** @param {string} title @param {string} state @param {any[]} [differences] */
function block(title, state, differences = []) {
  return h("section", { class: "card difference" }, h("h3", null, title, " ", h("span", { class: `tag ${TONES[state]}` }, MARKS[state])),
    differences.length > 0 && h("dl", null, differences.flatMap((one) => [h("dt", null, one.pointer.slice(1)), h("dd", null, h("del", null, shown(one.old)), " → ", h("ins", null, shown(one.new)))])));
}

document.addEventListener("click", async (event) => {
  const control = event.target instanceof Element ? event.target.closest("[data-act]") : null;
  const row = control?.closest("[data-version]");
  if (!(row instanceof HTMLElement)) return;
  const version = Number(row.dataset.version);
  const act = control?.getAttribute("data-act");
  const name = row.dataset.semver;
  const words = act === "restore" ? "A draft that there is now is replaced. Nothing is published." : "It becomes current at once, as a new version. Runs that are under way stay with theirs.";
  if (!(await confirmed({ title: act === "restore" ? `Edit ${name} as a draft?` : `Roll back to ${name}?`, words, confirm: act === "restore" ? "Edit as a draft" : "Roll back" }))) return;
  try {
    await post(`${path}/${act}`, { version });
    if (act === "restore") location.assign(`/graph/${graph.slug}/`);
    else location.reload();
  } catch (error) {
    byId("notices").replaceChildren(errorBanner(error, { what: act === "restore" ? "The draft was not made" : "It was not rolled back", kept: "The versions are as they were." }));
  }
});

for (const select of [old, fresh]) select.addEventListener("change", compare);
if (versions.length > 1) old.value = String(versions[1].version);
startShell({ commands: () => [{ label: "Open the graph", icon: "workflow", run: () => location.assign(`/graph/${graph.slug}/`) }] });
if (versions.length > 1 || fresh.options.length > 1) compare();
else {
  fill(byId("compare-summary"), icon("info"), " There is one version only; with the next one they can be compared.");
  compare();
}
document.documentElement.dataset.ready = "true";
