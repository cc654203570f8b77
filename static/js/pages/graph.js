// @ts-check
/** The page of one graph: the canvas and its outline twin, the details of what is selected, saving, publishing, running. */

import { counted } from "../ui/plurals.js";
import { Canvas } from "../graph/canvas.js";
import { Details, defaults } from "../graph/details.js";
import { asked } from "../graph/dialogs.js";
import { grouping } from "../graph/grouping.js";
import { GraphModel } from "../graph/model.js";
import { Outline } from "../graph/outline.js";
import { placed, showProblems } from "../graph/problems.js";
import { Redesign } from "../graph/redesign.js";
import { Saver } from "../graph/saver.js";
import { buildToolbar } from "../graph/toolbar.js";
import { startPanels } from "../graph/panels.js";
import { Together } from "../graph/together.js";
import { get, post } from "../net/api.js";
import { byId, button, fill, icon, isTyping, pageData } from "../ui/dom.js";
import { announce, banner, errorBanner, toast } from "../ui/notices.js";
import { Share } from "../ui/share.js";
import { startShell } from "./shell.js";

const data = pageData("page");
const { graph } = data;
const path = `/v1/graphs/${graph.slug}`;
const room = data.session;
const editable = !graph.built_in && room?.role !== "viewer";
/** @type {Map<string, any>} */
const tools = new Map(data.tools.map((/** @type {any} */ tool) => [tool.name, tool]));
const model = new GraphModel(room ? null : data.definition);
const notices = byId("notices");
let layout = data.layout;
/** @type {Map<string, import("../graph/problems.js").Problem[]>} */
let problems = new Map();
let selected = /** @type {string[]} */ ([]);
/** Whether the shared document has not come yet. */
let seeding = Boolean(room);
/** @type {Together | null} */
let together = null;
const name = /** @type {HTMLInputElement} */ (byId("graph-name"));
let suggestedSemver = "";

const nameOf = (/** @type {string} */ key) => {
  const node = model.nodeOf(key);
  const edge = model.edgeOf(key);
  if (node) return node.node.label || node.node.node_id;
  return edge ? `${nameOf(edge.from)} to ${nameOf(edge.to)}` : "Graph";
};

/** @param {string} what @param {unknown} error */
const failed = (what, error) => notices.replaceChildren(errorBanner(error, { what, kept: "What you drew is kept." }));

// Commands, the same for the canvas, the outline, the details, the palette and the keys -------------------------------

const commands = {
  ...grouping({ model, selected: () => selected, nameOf, choose: (keys) => choose(keys, "outline"), failed }),
  select(/** @type {string} */ key) {
    choose([key], "outline");
  },
  async add(/** @type {string} */ after = "") {
    const answer = await asked({
      title: after ? `A node after ${nameOf(after)}` : "A new node", confirm: "Add",
      fields: [
        { name: "tool", label: "Tool", kind: "choice", value: "compute", choices: [...tools.values()].map((tool) => [tool.name, tool.name]) },
        { name: "name", label: "Name", note: "Optional; the tool's name when it is empty." },
      ],
    });
    if (!answer) return;
    const key = model.addNode({ node_id: model.freeName(answer.name.trim() || answer.tool), tool: answer.tool, config: defaults(tools.get(answer.tool)) }, { after: after || null });
    choose([key], "outline");
    announce(`${nameOf(key)} added`);
  },
  async connect(/** @type {string} */ from) {
    const answer = await asked({
      title: `Connect ${nameOf(from)}`, confirm: "Connect",
      fields: [
        { name: "to", label: "To", kind: "choice", choices: model.nodes.map((view) => [view.key, nameOf(view.key)]), value: model.nodes.find((view) => view.key !== from)?.key },
        { name: "condition", label: "Condition", note: "Optional, such as n < 3." },
      ],
    });
    if (answer) link(from, answer.to, answer.condition.trim());
  },
  async rename(/** @type {string} */ key) {
    const node = model.nodeOf(key)?.node;
    const answer = node && (await asked({ title: `Rename ${node.node_id}`, confirm: "Rename", fields: [{ name: "name", label: "Name", value: node.node_id, required: true }] }));
    if (answer?.name.trim()) model.setNode(key, { node_id: answer.name.trim() });
  },
  remove(/** @type {string[]} */ keys) {
    const names = keys.map(nameOf).join(", ");
    model.remove(keys);
    choose([], "outline");
    announce(`${names} deleted. Undo with Control Z.`);
  },
  undo: () => (model.history.undo(), announce("Undone")),
  redo: () => (model.history.redo(), announce("Redone")),
  async tidy() {
    model.pin(new Map(model.nodes.map((view) => [view.key, null])));
    await arrange(true);
    canvas.camera.fit();
  },
  async redesign() {
    if (await saver.save()) await redesign.start();
  },
  async copy() {
    const nodes = selected.filter((key) => model.nodeOf(key));
    if (nodes.length) await navigator.clipboard.writeText(model.copied(nodes)).then(() => toast("Copied"), () => toast("The browser did not allow copying"));
  },
  paste(/** @type {string} */ text) {
    try {
      choose(model.paste(text), "outline");
    } catch {
      toast("What was copied is no part of a graph");
    }
  },
};

/** @param {string} from @param {string} to @param {string} [condition] */
function link(from, to, condition = "") {
  const key = model.connect(from, to, condition ? { type: "conditional", condition } : {});
  choose([key], "outline");
  announce(`${nameOf(key)} connected`);
}

/** @param {string[]} keys @param {"canvas" | "outline"} from */
function choose(keys, from) {
  if (redesign.isOpen) return keys[0] && redesign.pick(keys[0]);
  selected = keys;
  canvas.select(keys, { reveal: from === "outline" });
  outline.select(keys[0] ?? "");
  details.show(model, keys.length === 1 ? keys[0] : "", (key) => problems.get(key) ?? []);
  together?.selected(keys);
}

function open() {
  panels.show("details", "if hidden");
  details.focus();
}

const canvas = new Canvas(byId("canvas"), {
  editable, label: "Drawing of the graph. Arrow keys go from node to node; the outline holds the same.",
  select: (keys) => choose(keys, "canvas"), open: (key) => (choose([key], "canvas"), redesign.isOpen || open()),
  move: (places) => model.pin(places), connect: (from, to) => link(from, to), remove: commands.remove,
});
const outline = new Outline(byId("outline"), { editable, ...commands });
const details = new Details(byId("details"), { editable, tools, ...commands });
const panels = startPanels(byId("main"));
const redesign = new Redesign({ panel: byId("redesign"), outline: byId("outline"), notices, canvas, path, onReview: (on) => {
  canvas.editable = editable && !on;
  if (on) return panels.show("details", "if hidden");
  outline.shown = "";
  show();
}, onSaved: (draft) => {
  saver.revision = draft.revision;
  model.become(draft.definition);
  toast("Saved as a draft; undo brings back what was drawn");
} });

// What is shown ------------------------------------------------------------------------------------------------------

function show() {
  if (redesign.isOpen) return;
  const nodes = model.nodes.map(({ key, node, entry, pin }) => ({
    key, node_id: node.node_id, label: node.label || node.node_id, tool: node.tool, entry, pinned: pin !== null, problems: problems.get(key)?.length ?? 0,
    people: together?.people.filter((person) => person.selected.includes(key)).map(({ name: who, color }) => ({ name: who, color })),
  }));
  const labels = new Map(layout.edges.map((/** @type {any} */ edge) => [`${edge.from_node}\n${edge.to_node}\n${edge.type}`, edge.label]));
  const ids = new Map(model.nodes.map(({ key, node }) => [key, node.node_id]));
  const edges = model.edges.map(({ key, from, to, edge, fallback }) => {
    const type = fallback ? "fallback" : edge.condition || edge.type === "conditional" ? "conditional" : "normal";
    const words = edge.label || edge.condition || labels.get(`${ids.get(from)}\n${ids.get(to)}\n${type}`) || null;
    return { key, from, to, type, label: words, state: problems.has(key) ? "faulty" : undefined };
  });
  canvas.show(nodes, edges, layout);
  outline.show(model, new Map([...problems].map(([key, all]) => [key, all.length])));
  fill(byId("outline-count"), `${counted(model.nodes.length, "node")}, ${counted(model.drawnEdges.length, "edge")}`);
  details.show(model, selected.length === 1 ? selected[0] : "", (key) => problems.get(key) ?? []);
  showProblems(byId("problems"), problems, nameOf, (key) => (choose(key ? [key] : [], "outline"), open()));
  toolbar.refresh();
}

/** Whether what the drawing depends on is another. */
const drawnFrom = () => JSON.stringify([model.nodes.map(({ node, pin, at }) => [node.node_id, node.label, node.tool, pin, room && at, node.fallback]), model.edges.map(({ from, to, edge }) => [from, to, edge.label, edge.condition])]);
let drawn = drawnFrom();
let arranging = 0;

/** @param {boolean} [anew] */
async function arrange(anew = false) {
  drawn = drawnFrom();
  arranging += 1;
  const mine = arranging;
  const ours = model.isLocal;
  try {
    const planned = await post("/v1/graphs/layout", { definition: model.definition(), previous: anew ? null : lastDrawn() });
    if (mine !== arranging) return;
    layout = planned;
    if (room && editable && ours) tellPlaces();
    show();
  } catch (error) {
    if (mine === arranging) failed("The drawing could not be arranged", error);
  }
}

/** The layout that the next one is calm to: as drawn here, with nodes where the others have them. */
function lastDrawn() {
  if (!layout.nodes.length) return null;
  const places = new Map(room ? model.nodes.map(({ node, at }) => [node.node_id, at]) : []);
  const nodes = layout.nodes.map((/** @type {any} */ one) => {
    const at = places.get(one.node_id);
    return at ? { ...one, x: at[0], y: at[1] } : one;
  });
  const known = new Set(nodes.map((/** @type {any} */ one) => one.node_id));
  // A node that another has placed and this page has not drawn yet: its size follows from its name.
  for (const [id, at] of places) if (at && !known.has(id)) nodes.push({ node_id: id, x: at[0], y: at[1], width: at[2], height: at[3] });
  return { nodes, edges: layout.edges };
}

/** Tells those who draw along where nodes stand now. */
function tellPlaces() {
  const keys = new Map(model.nodes.map(({ key, node }) => [node.node_id, key]));
  model.drawnAt(new Map(layout.nodes.map((/** @type {any} */ one) => [keys.get(one.node_id) ?? "", [one.x, one.y, one.width, one.height]])));
  drawn = drawnFrom();
}

const toolbar = buildToolbar(byId("toolbar"), { canvas, model, editable, commands, exportPath: `${path}/export`, search: (query) => outline.search(query), find: (key) => choose([key], "outline") });

// Saving -------------------------------------------------------------------------------------------------------------

/** @type {Record<string, [string, string]>} */
const PILL = { saved: ["check", "Saved"], saving: ["loader-circle", "Saving…"], offline: ["cloud-off", "Offline, kept here"], refused: ["circle-alert", "Not saved"] };
const saver = new Saver({
  path: `${path}/draft`, revision: data.revision, together: Boolean(room), definition: () => checkedNow(),
  onAnswer: (draft) => ((suggestedSemver = draft.suggested_semver ?? ""), found(draft.problems)),
  onState: (state) => {
    byId("pill").dataset.state = state;
    fill(byId("pill"), icon(PILL[state][0]), PILL[state][1]);
  },
  onStale: async (revision) => {
    notices.replaceChildren(banner({
      tone: "warn", title: "Somebody else has changed this draft meanwhile", words: "Yours is kept here. Take theirs, and undo brings yours back; or keep yours, and theirs is replaced.",
      actions: [
        { label: "Take theirs", primary: true, run: async () => {
          const theirs = await get(`${path}/draft`);
          notices.replaceChildren();
          model.load(theirs.definition);
          saver.goOnFrom(theirs.revision, false);
          found(theirs.problems);
        } },
        { label: "Keep mine", run: () => (notices.replaceChildren(), saver.goOnFrom(revision)) },
      ],
    }));
  },
  onError: (error) => failed("The draft was not saved", error),
});
let checkedNodes = /** @type {string[]} */ ([]);
let checkedEdges = /** @type {string[]} */ ([]);

/** The definition that is sent to be checked; its problems point into these lists. */
function checkedNow() {
  checkedNodes = model.nodes.map((view) => view.key);
  checkedEdges = model.drawnEdges.map((view) => view.key);
  return model.definition();
}

/** @param {import("../graph/problems.js").Problem[]} list */
function found(list) {
  problems = placed(list, checkedNodes, checkedEdges);
  show();
}

model.addEventListener("change", () => {
  selected = selected.filter((key) => model.nodeOf(key) || model.edgeOf(key));
  if (drawn !== drawnFrom()) arrange();
  show();
  if (name.value !== model.name && document.activeElement !== name) name.value = model.name;
  if (editable && !seeding) saver.changed(model.isLocal);
});

name.addEventListener("change", () => model.setGraph({ name: name.value.trim() || "Graph" }));

// Publishing and running ---------------------------------------------------------------------------------------------

document.getElementById("publish")?.addEventListener("click", async () => {
  if (!(await saver.save())) return;
  const answer = await asked({
    title: "Publish", confirm: "Publish", words: "A version never changes; runs keep the one they began with.",
    fields: [
      { name: "number", label: "Number", value: suggestedSemver, note: `Current: ${graph.semver || "none"}.` },
      { name: "title", label: "Title", note: "Optional." }, { name: "note", label: "What changed, and why", kind: "long" },
    ],
  });
  if (answer) await publish(answer);
});

/** @param {Record<string, string>} answer */
async function publish({ number, title, note }) {
  try {
    const version = await post(`${path}/publish`, { number: number.trim() || null, title, note, revision: room ? null : saver.revision });
    graph.semver = version.semver;
    saver.revision += 1;
    notices.replaceChildren(banner({ title: `Version ${version.semver} is published`, words: "It is what runs from now on.", actions: [{ label: "See the versions", run: () => location.assign(`/graph/${graph.slug}/versions/`) }] }));
  } catch (error) {
    failed("The draft was not published", error);
  }
}

byId("run").addEventListener("click", async () => {
  if (editable && !(await saver.save())) return;
  const sample = model.meta.get("metadata")?.sample_input ?? {};
  const answer = await asked({ title: "Run", confirm: "Run", words: "Runs the current version; what is drawn and not published is published first.", fields: [{ name: "state", label: "Initial state (JSON)", kind: "json", value: JSON.stringify(sample, null, 2) }] });
  if (!answer) return;
  try {
    if (editable) await publishIfDrawn();
    const run = await post("/v1/runs", { graph: graph.slug, initial_state: JSON.parse(answer.state), session: room?.id ?? null });
    location.assign(`/runs/${run.id}/`);
  } catch (error) {
    failed("The run was not started", error);
  }
});

async function publishIfDrawn() {
  const draft = await get(`${path}/draft`);
  if (!draft.is_draft) return;
  try {
    await post(`${path}/publish`, { revision: room ? null : saver.revision });
    saver.revision += 1;
  } catch (error) {
    if (/** @type {any} */ (error).code !== "nothing_to_publish") throw error;
  }
}

// Keys ---------------------------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  const mod = event.ctrlKey || event.metaKey;
  if (mod && event.key.toLowerCase() === "s") event.preventDefault(), saver.save();
  else if (isTyping(event.target)) return;
  else if (mod && event.key.toLowerCase() === "z" && editable) event.preventDefault(), event.shiftKey ? commands.redo() : commands.undo();
  else if (mod && event.key.toLowerCase() === "y" && editable) event.preventDefault(), commands.redo();
});
document.addEventListener("copy", (event) => !isTyping(event.target) && !String(getSelection()) && commands.copy());
document.addEventListener("paste", (event) => editable && !isTyping(event.target) && commands.paste(event.clipboardData?.getData("text") ?? ""));

startShell({
  commands: () => [
    { label: "Run the graph", icon: "play", run: () => byId("run").click() },
    ...(editable ? [
      { label: "Add a node", icon: "plus", keys: "n", run: () => commands.add(selected[0]) }, { label: "Undo", icon: "undo-2", keys: "Mod-Z", run: commands.undo },
      { label: "Redo", icon: "redo-2", run: commands.redo }, { label: "Tidy the drawing", icon: "wand-sparkles", run: commands.tidy }, { label: "Group nodes into a sub-graph", icon: "network", run: commands.group }, { label: "Redesign the graph", icon: "sparkles", run: commands.redesign },
    ] : []),
    { label: "Fit the drawing", icon: "maximize", keys: "0", run: () => canvas.camera.fit() },
    ...model.nodes.map(({ key }) => ({ label: `Go to ${nameOf(key)}`, icon: "circle-dot", run: () => choose([key], "outline") })),
  ],
  keys: [["n", "A node after the selected one"], ["c", "Connect the selected node"], ["F2", "Rename, in the outline"], ["g", "Group nodes into a sub-graph"], ["Delete", "Delete what is selected"], ["Alt-Arrows", "Move the selected node"], ["0", "Fit the drawing"], ["Mod-Z", "Undo"], ["Mod-Shift-Z", "Redo"]],
  single: {
    n: () => (editable ? void commands.add(model.nodeOf(selected[0] ?? "") ? selected[0] : "") : false),
    c: () => (editable && model.nodeOf(selected[0] ?? "") ? void commands.connect(selected[0]) : false),
    g: () => (editable ? void commands.group() : false),
    0: () => canvas.camera.fit(),
  },
});

// Together ------------------------------------------------------------------------------------------------------------

if (room) {
  const share = new Share(room.id);
  together = new Together(room, model, {
    definition: data.definition, readOnly: !editable, people: byId("people"), onPeople: show,
    onReady: () => {
      seeding = false;
      arrange();
      document.documentElement.dataset.together = "true";
    },
    onMembers: () => share.refresh(),
    onVersion: ({ by, semver, note }) => {
      graph.semver = semver;
      notices.replaceChildren(banner({ title: `${by} published version ${semver}`, words: note || "It is what runs from now on.", actions: [{ label: "See the versions", run: () => location.assign(`/graph/${graph.slug}/versions/`) }] }));
    },
    onState: (state, unstored) => {
      if (state !== "open" && state !== "connecting") byId("pill").dataset.state = "offline", fill(byId("pill"), icon("cloud-off"), state === "refused" ? "A change was refused" : `Offline${unstored ? `, ${unstored} kept here` : ""}`);
    },
  });
  share.show(room.role === "owner");
  if (new URLSearchParams(location.search).has("invite") && room.role === "owner") byId("share").click();
} else if (editable) {
  byId("share").hidden = false;
  byId("share").addEventListener("click", async () => {
    try {
      if (!(await saver.save())) return;
      await post(`${path}/session`);
      location.assign(`${location.pathname}?invite`);
    } catch (error) {
      failed("The graph could not be opened to others", error);
    }
  });
}

show();
if (editable) get(`${path}/draft`).then((draft) => (checkedNow(), (suggestedSemver = draft.suggested_semver ?? ""), found(draft.problems))).catch((error) => failed("The draft could not be checked", error));
const proposed = new URLSearchParams(location.search).get("redesign");
if (proposed) redesign.start(proposed);
document.documentElement.dataset.ready = "true";
