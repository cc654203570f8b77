// @ts-check
/** The workspace: the document, the conversation about it, and the review of what agents propose. */

import { counted } from "../ui/plurals.js";
import { Editor } from "../collab/editor.js";
import { SharedDocument } from "../collab/document.js";
import { agentsIn, Proposals, proposalsInText } from "../collab/proposals.js";
import { Unsaved } from "../collab/unsaved.js";
import { call, post } from "../net/api.js";
import { Asking } from "../refine/asking.js";
import { Composer } from "../refine/composer.js";
import { Conversation } from "../refine/conversation.js";
import { Deciding, undecided } from "../refine/deciding.js";
import { loadGrammar } from "../refine/hunk.js";
import { isActive } from "../refine/reduce.js";
import { ReviewPanel } from "../refine/review.js";
import { SessionStore } from "../refine/store.js";
import { History } from "../ui/history.js";
import { LifeNotice } from "../ui/life.js";
import { bringBack } from "../ui/recovered.js";
import { byId, fill, pageData } from "../ui/dom.js";
import { announce, banner, copy, errorBanner, toast } from "../ui/notices.js";
import { People } from "../ui/people.js";
import { showPill } from "../ui/pill.js";
import { SessionFields } from "../ui/session_fields.js";
import { Share } from "../ui/share.js";
import { Views } from "../ui/views.js";
import { startShell } from "./shell.js";
import { showFull } from "../ui/full_document.js";
import { plain } from "../ui/invisible_characters.js";

const page = pageData("page");
const notices = byId("notices");
const nonce = /** @type {HTMLScriptElement | null} */ (document.querySelector("script[nonce]"))?.nonce ?? "";

/** @type {import("../net/socket.js").SocketState} */
let socketState = "connecting";
/** The run whose review is shown. */
let selectedRun = new URLSearchParams(location.search).get("run");

const isExpired = () => store.state.session.status === "expired" || socketState === "expired";
const isViewer = () => store.state.session.role === "viewer";
const mayEdit = () => !isViewer() && !isExpired();
const isOwner = () => store.state.session.role === "owner";
const runs = () => store.state.order.map((id) => store.state.runs[store.state.requests[id].run]).filter(Boolean);
const activeRun = () => runs().findLast((run) => isActive(run));

/** Shows a failure, in the place of the same failure before. @param {unknown} error @param {string} what @param {{kept?: string, retry?: () => void}} [more] */
function fail(error, what, more = {}) {
  const element = errorBanner(error, { what, ...more });
  element.dataset.what = what;
  const before = [...notices.children].find((each) => /** @type {HTMLElement} */ (each).dataset.what === what);
  if (before) before.replaceWith(element);
  else notices.append(element);
}

// The document -----------------------------------------------------------------------------------

const doc = new SharedDocument({
  session: page.session.id,
  text: page.document.text,
  revision: page.document.revision,
  unsaved: new Unsaved({ user: page.user.id, session: page.session.id }),
  readOnly: page.session.role === "viewer" || page.session.status === "expired",
  onStatus: drawPill,
});

const editor = new Editor({
  parent: byId("editor"),
  text: doc.text,
  extension: [doc.extension, proposalsInText],
  nonce,
  readOnly: doc.readOnly,
  describedBy: "editor-help",
  onAsk: () => composer.input.focus(),
  onSave: () => saveNow(),
});
doc.attach(editor.view);
const proposals = new Proposals(editor.view);

async function saveNow() {
  try {
    await doc.flush();
    toast("Saved");
  } catch (error) {
    fail(error, "Not saved yet", { kept: "What you typed is kept in this browser.", retry: saveNow });
  }
}

function drawPill() {
  showPill(byId("pill"), { socket: socketState, document: doc.status, expired: store?.state.session.status === "expired", readOnly: doc.readOnly });
  showFull(doc, notices);
  drawAccess();
}

// What is known of the session -------------------------------------------------------------------

/** @type {SessionStore} */
const store = new SessionStore({
  session: page.session,
  onChange: draw,
  onMembers: () => share.refresh(),
  onRevision: () => {}, // the text comes over a socket of its own
  onSocket: (state) => {
    socketState = state;
    drawPill();
    drawLife();
  },
  onError: (error, what, retry) => fail(error, what, { retry }),
});

const people = new People(doc, {
  me: { id: page.user.id, name: page.user.name, color: "", role: page.session.role },
  show: (at) => editor.show(at),
  editor: byId("editor"),
});

const share = new Share(page.session.id);

const versions = new History(page.session.id, { mayEdit, flush: () => doc.flush(), language: () => store.state.session.language });

const views = new Views(byId("workspace"));

const review = new ReviewPanel(byId("review"), {
  decide: (n, verdict, reason) => deciding.decide(n, verdict, reason),
  decideAll: (verdict) => deciding.decideAll(verdict),
  goTo: (line) => {
    views.show("code");
    editor.goToLine(line);
    editor.focus();
  },
  selected: (n) => remember({ hunk: String(n) }),
  review: select,
  fail: (error, what, retry) => fail(error, what, { retry }),
});

const conversation = new Conversation(byId("conversation"), page.user.id, {
  review: (run) => {
    select(run);
    views.show("review");
    byId("review-panel").focus();
  },
  askAgain: (id) => asking.again(store.state.requests[id]),
  instead: (id, intent) => asking.again(store.state.requests[id], intent),
  retry: (run) => asking.retry(run),
  answer: (id, interrupt, value) => asking.answer(store.state.requests[id].run, interrupt, value),
  followUp: (id) => {
    composer.setParent(store.state.requests[id]);
    views.show("chat");
    composer.input.focus();
  },
  planned: (run) => store.planned(run),
});

const composer = new Composer({
  send: (wanted) => asking.ask(wanted),
  stop: () => asking.stop(),
  draftKey: `agentsite:draft:${page.session.id}`,
});

const flush = () => doc.flush();

const asking = new Asking({
  store,
  flush,
  fail,
  activeRun,
  resend: (wanted) => (composer.input.value ? composer.submit() : asking.ask(wanted)),
  began: select,
});

const deciding = new Deciding({
  store,
  flush,
  fail,
  proposal: () => store.state.runs[selectedRun ?? ""]?.proposal ?? null,
  draw: () => draw(),
  next: (n) => review.moveToOpen(n),
});

/** Keeps the address such that it opens what is seen now. @param {Record<string, string | null>} change */
function remember(change) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(change)) value === null ? url.searchParams.delete(name) : url.searchParams.set(name, value);
  history.replaceState(null, "", url);
}

/** @param {string} run */
function select(run) {
  if (selectedRun !== run) remember({ run, hunk: null });
  selectedRun = run;
  const known = store.state.runs[run];
  if (known && !known.order.length) store.loadNodes(run);
  store.loadState(run);
  draw();
}

/** @param {string} run */
const requestOf = (run) => Object.values(store.state.requests).find((request) => request.run === run) ?? null;

/** @type {Map<string, string>} what was last said of each run */
const said = new Map();

function announceRuns() {
  for (const run of runs()) {
    const proposal = run.proposal ? store.state.proposals[run.proposal] : null;
    const status = run.status === "completed" && run.proposal && !proposal ? "" : run.status;
    if (!status || said.get(run.id) === status) continue;
    const first = !said.has(run.id);
    said.set(run.id, status);
    if (first && !isActive(run)) continue;
    const words = { running: "The agent is working.", interrupted: "The agent asks you something.", failed: "The run failed.", cancelled: "The run was stopped.",
      completed: proposal ? `Done. ${counted(proposal.hunks.length, "hunk")} to review.` : "Done." };
    announce(Reflect.get(words, status) ?? "");
  }
}

let newestRun = "";
let offered = ""; // the run whose review was opened last: who then chooses another view keeps it

/** @param {import("../refine/reduce.js").State} [state] @param {boolean} [tick] only clocks have moved */
function draw(state = store.state, tick = false) {
  const newest = runs().at(-1)?.id ?? "";
  const takenOver = Object.values(state.requests).find((request) => request.earlier?.includes(selectedRun ?? ""));
  if (takenOver) {
    selectedRun = takenOver.run;
    remember({ run: selectedRun, hunk: null });
  }
  if (newest && newest !== newestRun) {
    // A run that began while the page was open is what people want to see; on opening, the address decides.
    if (newestRun || !selectedRun || !state.runs[selectedRun]) selectedRun = newest;
    if (newestRun || isActive(state.runs[newest])) {
      offered = newest;
      views.offerReview();
      remember({ run: newest, hunk: null });
    }
    newestRun = newest;
    const request = requestOf(newest);
    composer.setParent(request && !request.graph ? request : null);
  }
  const run = selectedRun ? state.runs[selectedRun] ?? null : null;
  const proposal = run?.proposal ? state.proposals[run.proposal] ?? null : null;
  const active = activeRun();
  const agents = agentsIn(runs(), state.proposals, isActive);
  people.showAgents(agents.filter((agent) => agent.isWorking));
  proposals.show(agents);
  conversation.show(state, { selected: selectedRun, canAsk: mayEdit(), tick });
  composer.show({
    active: active !== undefined,
    cancelling: active?.cancelling ?? false,
    reason: isExpired() ? "The session has expired; reopen it to ask for more." : isViewer() ? "Viewers can read, not ask." : "",
    hasRequests: state.order.length > 0,
  });
  if (tick) return;
  const waiting = undecided(state.proposals);
  review.show({ run, answered: run !== null && (state.messages[run.id] ?? []).some(({ role }) => role === "agent"), request: run ? requestOf(run.id) : null, proposal, canDecide: mayEdit() && proposal?.status !== "superseded", language: state.session.language, busy: deciding.busy, elsewhere: waiting.findLast((each) => each.run !== run?.id) ?? null });
  // Whichever run is shown: what waits to be decided waits on.
  const open = waiting.reduce((sum, each) => sum + each.open, 0);
  views.count("review", open);
  if (run && offered !== run.id && waiting.some((each) => each.run === run.id)) {
    // Also for who comes back after the run has ended: what waits for a decision is what they came for.
    offered = run.id;
    views.offerReview();
  }
  const questions = active?.interrupts.length ?? 0;
  views.count("chat", questions);
  document.title = plain(`${questions ? "Asks you · " : active ? "Working · " : open ? `(${open}) ` : ""}${state.session.title} · agentsite`);
  announceRuns();
  drawSession();
}

// The session itself -----------------------------------------------------------------------------

/** @param {object} change @param {string} what */
async function changeSession(change, what) {
  try {
    store.apply({ type: "session", session: await call("PATCH", store.path, { body: change }) });
  } catch (error) {
    drawSession(true);
    fail(error, what);
  }
}

const fields = new SessionFields({
  change: changeSession,
  languageChanged: (language) => {
    editor.setLanguage(language);
    loadGrammar(language).then(() => draw());
  },
});

function drawSession(force = false) {
  share.show(isOwner() && !isExpired());
  fields.show(store.state.session, isOwner() && !isExpired(), force);
  drawAccess();
  drawLife();
}

function drawAccess(mayType = mayEdit() && !doc.full) {
  if (doc.readOnly !== mayType) return;
  doc.setReadOnly(!mayType);
  editor.setReadOnly(!mayType);
  drawPill();
}

const life = new LifeNotice(byId("life-notice"), {
  act: async (verb, what) => {
    try {
      store.apply({ type: "session", session: await post(`${store.path}/${verb}`) });
      if (socketState !== "open") store.socket.open();
      draw();
    } catch (error) {
      fail(error, what);
    }
  },
  rejoin: () => store.socket.open(),
});

function drawLife() {
  life.show({
    expired: isExpired(),
    viewer: isViewer(),
    owner: isOwner(),
    signedOut: socketState === "signed-out",
    left: store.state.session.expires_at ? new Date(store.state.session.expires_at).getTime() - Date.now() : Infinity,
  });
}

// Keys and start ---------------------------------------------------------------------------------

const wrap = /** @type {HTMLButtonElement} */ (byId("wrap"));
function toggleWrap() {
  const on = wrap.getAttribute("aria-pressed") !== "true";
  wrap.setAttribute("aria-pressed", String(on));
  localStorage.setItem("agentsite:wrap", on ? "1" : "");
  editor.setWrapping(on);
}
wrap.addEventListener("click", toggleWrap);
if (localStorage.getItem("agentsite:wrap")) toggleWrap();

const hasReview = () => review.list.children.length > 0;

startShell({
  commands: () => [
    { label: "Ask for a change", icon: "message-square", keys: "Mod-Enter", run: () => (views.show("chat"), composer.input.focus()), when: mayEdit },
    { label: "Stop the run", icon: "circle-stop", keys: "Mod-.", run: () => asking.stop(), when: () => activeRun() !== undefined },
    { label: "Accept all hunks", icon: "check-check", run: () => deciding.decideAll("accept"), when: () => mayEdit() && review.scene?.proposal?.status === "open" },
    { label: "Reject all hunks", icon: "x", run: () => deciding.decideAll("reject"), when: () => mayEdit() && review.scene?.proposal?.status === "open" },
    { label: "Show the code", icon: "code-xml", run: () => (views.show("code"), editor.focus()) },
    { label: "Show code and review side by side", icon: "columns-2", run: () => views.show("split") },
    { label: "Show the review", icon: "file-diff", run: () => views.show("review") },
    { label: "Save now", icon: "check", keys: "Mod-S", run: saveNow, when: mayEdit },
    { label: "Show the history", icon: "clock", run: () => versions.open() },
    { label: "Invite people", icon: "users", run: () => share.open(), when: () => isOwner() && !isExpired() },
    { label: "Wrap long lines", icon: "wrap-text", run: toggleWrap },
    { label: "Copy the link to what you see", icon: "copy", run: () => copy(location.href) },
  ],
  keys: [
    ["Mod-Enter", "Send the request; from the editor, go to the request box"],
    ["Mod-.", "Stop the run"],
    ["j", "Next hunk"],
    ["k", "Previous hunk"],
    ["a", "Accept the hunk"],
    ["r", "Reject the hunk"],
    ["Shift-R", "Reject the hunk with a reason"],
    ["e", "Go to the editor"],
    ["c", "Go to the request box"],
    ["Esc", "Then Tab: leave the editor"],
  ],
  single: {
    j: () => hasReview() && (views.show("review", "if hidden"), review.move(1)),
    k: () => hasReview() && (views.show("review", "if hidden"), review.move(-1)),
    a: () => review.decidable !== null && void deciding.decide(review.decidable, "accept"),
    r: () => review.decidable !== null && void deciding.decide(review.decidable, "reject"),
    R: () => review.decidable !== null && review.askReason(review.decidable),
    e: () => (views.show("code", "if hidden"), editor.focus()),
    c: () => (views.show("chat", "if hidden"), composer.input.focus()),
  },
});

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "." && activeRun()) (event.preventDefault(), asking.stop());
  if ((event.ctrlKey || event.metaKey) && event.key === "s") (event.preventDefault(), saveNow());
});

if (editor.large) {
  fill(byId("read-notice"), banner({ title: "This is a large document", words: "Colours, folding help and bracket matching are off, so that typing stays quick." }));
}
const suggested = page.suggestion;
if (suggested && !composer.input.value) {
  views.show("chat", "if hidden");
  composer.fillIn(suggested.instruction, suggested.intent);
}
remember({ sample: null });
draw();
drawPill();
performance.mark("ready-to-type");
document.documentElement.dataset.ready = "true";
bringBack(doc, notices).catch((error) => fail(error, "What an earlier tab had typed could not be brought back"));
await store.start();
if (selectedRun) {
  if (store.state.runs[selectedRun]) store.loadNodes(selectedRun);
  store.loadState(selectedRun);
  const hunk = Number(new URLSearchParams(location.search).get("hunk"));
  if (hunk) requestAnimationFrame(() => requestAnimationFrame(() => review.select(hunk)));
}
setInterval(() => activeRun() && (store.lookAtTheQuiet(performance.now()), draw(store.state, true)), 1000);
setInterval(drawLife, 15_000);
