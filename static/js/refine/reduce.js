// @ts-check
/**
 * What the page knows of a session: a snapshot by REST, and every event since. Pure: the same state and action give
 * the same state. An event that was seen is skipped by its number, so replay changes nothing.
 *
 * Where an event says that something exists which REST tells in full, the state's `wants` names it, and whoever
 * holds the state fetches it: `run:<id>`, `nodes:<id>`, `proposal:<id>`, `text:<node run>:<offset>`, `events:<after>`,
 * `requests`, `session`, `document:<revision>`.
 */

/**
 * @typedef {{id: string, intent: string, instruction: string, parent: string | null, created_at: string, run: string, by?: string,
 *   by_id?: string | null, routing_reason?: string, earlier?: string[], graph?: string, said?: number}} RequestView `earlier`: runs that a retry took the place of;
 *   `graph`: a graph was run by itself, without a request, and this entry stands for its run; `said`: the entry is a message
 *   of no run that is known, by its number
 * @typedef {{seq: number, at: string, role: string, by: string, by_id: string | null, text: string, cut: boolean}} MessageView
 * @typedef {{id: string, node_id: string, tool: string, status: "started" | "retrying" | "completed" | "failed" | "skipped",
 *   attempt: number, started_at: string | null, duration_ms: number | null, error: any, activation: number | null,
 *   done: number | null, total: number | null}} NodeView
 * @typedef {{attempt: number, text: string, points: number, node_id: string}} TextView
 * @typedef {{n: number, header: string, old_start: number, old_lines: number, new_start: number, new_lines: number,
 *   text: string, warnings?: string[], status?: string, reason?: string, decided_by?: {name: string} | null}} HunkView
 * @typedef {{id: string, status: string, graph: string, graph_version: number | null, error: any, started_at: string | null,
 *   finished_at: string | null, created_at: string, duration_ms: number | null, total: number | null, state: any, cancelling: boolean,
 *   interrupts: any[], tokens: {prompt: number, completion: number} | null, cost_usd: string | null, nodes: Record<string, NodeView>,
 *   order: string[], texts: Record<string, TextView>, latestText: string | null, draft: Record<number, HunkView> | null,
 *   proposal: string | null, news: number, sleepsUntil: string | null, waitsFor: string[],
 *   rolledBack: {node_id: string, reason: string} | null}} RunView
 * @typedef {{lastSeq: number, session: any, requests: Record<string, RequestView>, order: string[], runs: Record<string, RunView>,
 *   proposals: Record<string, any>, messages: Record<string, MessageView[]>, told: Record<string, number>, wants: string[]}} State `messages`: what was said, by run; `told`: the newest event of each run,
 *   of each proposal and of the session itself, so that an answer which was asked for before it is known to be older
 * @typedef {{seq: number | null, type: string, at: string, run: string | null, data: any}} Frame
 */

export const TERMINAL = ["completed", "failed", "cancelled"];

/** @returns {State} */
export function emptyState() {
  return { lastSeq: 0, session: null, requests: {}, order: [], runs: {}, proposals: {}, messages: {}, told: {}, wants: [] };
}

/** @param {string} id @param {string} at @returns {RunView} */
function newRun(id, at) {
  return {
    id, status: "queued", graph: "", graph_version: null, error: null, started_at: null, finished_at: null, created_at: at,
    duration_ms: null, total: null, state: null, cancelling: false, interrupts: [], tokens: null, cost_usd: null, nodes: {},
    order: [], texts: {}, latestText: null, draft: null, proposal: null, news: 0, sleepsUntil: null, waitsFor: [], rolledBack: null,
  };
}

/**
 * @param {State} state
 * @param {{type: "session", session: any, asked?: number} | {type: "requests", requests: any[], asked?: number}
 *   | {type: "run", run: any, asked?: number} | {type: "graph-runs", runs: any[], asked?: number} | {type: "retried", run: any}
 *   | {type: "answered", run: string, interrupt: string} | {type: "nodes", run: string, nodes: any[]}
 *   | {type: "proposals", proposals: any[], asked?: number}
 *   | {type: "messages", frames: Frame[]} | {type: "past-hunks", run: string, frames: Frame[]} | {type: "frame", frame: Frame, now: number} | {type: "fetched"}} action `asked`: the newest event that was known when REST was asked
 * @returns {State}
 */
export function reduce(state, action) {
  switch (action.type) {
    case "session":
      if (isOlder(state, "session", action.asked)) return want(state, "session");
      return { ...state, session: action.session, lastSeq: Math.max(state.lastSeq, state.session ? 0 : action.session.last_seq) };
    case "requests":
      return action.requests.reduce((next, row) => withRequest(next, row, action.asked), state);
    case "run":
      return withRun(state, action.run, action.asked);
    case "graph-runs":
      return action.runs.filter((run) => !run.metadata?.request && !run.parent)
        .reduce((next, run) => withGraphRun(next, run, action.asked), state);
    case "retried": {
      const request = state.requests[action.run.metadata?.request];
      const known = request && request.run !== action.run.id;
      return request ? withRun(known ? retried(state, request, action.run.id) : state, action.run) : withGraphRun(state, action.run);
    }
    case "answered":
      return changeRun(state, action.run, (run) => without(run, action.interrupt));
    case "nodes":
      return changeRun(state, action.run, (run) => action.nodes.reduce(withNodeRow, run));
    case "proposals":
      return action.proposals.reduce((next, proposal) =>
        next.proposals[proposal.id] && isOlder(next, proposal.id, action.asked)
          ? want(next, `proposal:${proposal.id}`)
          : withProposal(next, proposal), state);
    case "messages":
      return action.frames.reduce(withMessage, state);
    case "past-hunks":
      return changeRun(state, action.run, (run) => ({ ...run, draft: withPastHunks(run.draft, action.frames) }));
    case "frame":
      return withFrame(state, action.frame, action.now);
    case "fetched":
      return state.wants.length ? { ...state, wants: [] } : state;
  }
}

/** @param {State} state @param {string} want @returns {State} */
function want(state, want) {
  return state.wants.includes(want) ? state : { ...state, wants: [...state.wants, want] };
}

/**
 * Whether something happened to a run, a proposal or the session after REST was asked for it: the answer may be from
 * before, and what is known from events stands until a newer answer is there.
 * @param {State} state @param {string} id @param {number | undefined} asked
 */
const isOlder = (state, id, asked) => asked !== undefined && asked < (state.told[id] ?? 0);

/** @param {State} state @param {string} id @param {(run: RunView) => RunView} change @param {string} [at] @returns {State} */
function changeRun(state, id, change, at = "") {
  const before = state.runs[id] ?? newRun(id, at);
  const after = change(before);
  return after === state.runs[id] ? state : { ...state, runs: { ...state.runs, [id]: after } };
}

/** @param {RunView["draft"]} draft @param {Frame} frame @returns {Record<number, HunkView>} */
function withHunks(draft, { data }) {
  const next = { ...draft };
  for (const n of data.removed ?? []) delete next[n];
  for (const hunk of data.hunks) next[hunk.n] = hunk;
  return Object.fromEntries(Object.entries(next).filter(([n]) => data.total === undefined || Number(n) <= data.total));
}

/**
 * Hunks from before this page was opened, under those that came since.
 * @param {RunView["draft"]} draft @param {Frame[]} frames
 */
function withPastHunks(draft, frames) {
  const past = frames.reduce(withHunks, /** @type {Record<number, HunkView>} */ ({}));
  return { ...past, ...draft };
}

/** @param {State} state @param {any} row @param {number} [asked] @returns {State} */
function withRequest(state, row, asked) {
  const run = typeof row.run === "string" ? row.run : row.run.id;
  const by = row.by && typeof row.by === "object" ? { by: row.by.name, by_id: row.by.id } : {};
  const request = { ...state.requests[row.id], ...row, run, ...by };
  const order = state.order.includes(row.id)
    ? state.order
    : [...state.order, row.id].sort((a, b) => time(a === row.id ? request : state.requests[a]) - time(b === row.id ? request : state.requests[b]));
  const next = { ...state, requests: { ...state.requests, [row.id]: request }, order };
  return typeof row.run === "string" ? next : withRun(next, row.run, asked);
}

/** A run of a graph by itself stands in the conversation like a request; that of a task has its words. @param {State} state @param {any} run @param {number} [asked] @returns {State} */
function withGraphRun(state, run, asked) {
  const next = withRequest(state, {
    id: run.id, intent: "graph", instruction: run.metadata?.task ?? "", graph: run.graph, parent: null, created_at: run.created_at, run: run.id,
  });
  return withRun(next, run, asked);
}

/**
 * Something that was said: beside its run, or as an entry of its own. Told twice, it is there once.
 * @param {State} state @param {Frame} frame @returns {State}
 */
function withMessage(state, { seq, at, run, data: { role, by, by_id = null, text, cut = false } }) {
  if (seq === null) return state;
  const isKnown = run !== null && Object.values(state.requests).some((request) => request.run === run || request.earlier?.includes(run));
  const key = isKnown ? run : `said:${seq}`;
  const known = state.messages[key] ?? [];
  if (known.some((one) => one.seq === seq)) return state;
  const all = [...known, { seq, at, role, by, by_id, text, cut }].sort((one, other) => one.seq - other.seq);
  const next = { ...state, messages: { ...state.messages, [key]: all } };
  return isKnown ? next : withRequest(next, { id: key, intent: "message", instruction: "", parent: null, created_at: at, run: "", said: seq });
}

/** @param {RunView} run @param {string} interrupt @returns {RunView} */
const without = (run, interrupt) => ({ ...run, interrupts: run.interrupts.filter((each) => each.id !== interrupt) });

/** @param {RequestView} request */
const time = (request) => new Date(request.created_at).getTime();

/** @param {State} state @param {any} row a Run as REST tells it @param {number} [asked] @returns {State} */
function withRun(state, row, asked) {
  const older = isOlder(state, row.id, asked);
  return changeRun(older ? want(state, `run:${row.id}`) : state, row.id, (run) => {
    // An answer that was on its way while events came must not turn the run back.
    const late = older || stage(row.status) < stage(run.status);
    if (late && TERMINAL.includes(run.status)) return run;
    return {
      ...run,
      status: late ? run.status : row.status,
      graph: row.graph ?? run.graph,
      graph_version: row.graph_version ?? run.graph_version,
      error: older ? run.error : row.error ?? null,
      state: row.state ?? run.state,
      created_at: row.created_at ?? run.created_at,
      started_at: row.started_at ?? run.started_at,
      finished_at: row.finished_at ?? run.finished_at,
      duration_ms: row.duration_ms ?? run.duration_ms,
      total: row.progress?.total ?? run.total,
      // A run that is queued to go on tells no questions, though others may still wait.
      interrupts: older || row.status === "queued" ? run.interrupts : row.interrupts ?? run.interrupts,
      tokens: row.tokens ?? run.tokens,
      cost_usd: row.cost_usd ?? run.cost_usd,
      sleepsUntil: older ? run.sleepsUntil : row.sleeps_until ?? null,
      waitsFor: older ? run.waitsFor : row.waits_for ?? [],
      rolledBack: row.metadata?.rolled_back ?? run.rolledBack,
    };
  });
}

/** @param {string} status */
const stage = (status) => (TERMINAL.includes(status) ? 2 : status === "queued" ? 0 : 1);

/** @param {RunView} run @param {any} row a NodeRun as REST tells it @returns {RunView} */
function withNodeRow(run, row) {
  const known = run.nodes[row.id];
  const settled = known && ["completed", "failed", "skipped"].includes(known.status);
  if (settled && row.status === "started") return run;
  const next = withNode(run, row.id, {
    node_id: row.node_id, tool: row.tool, status: row.status, attempt: row.attempt, started_at: row.started_at,
    duration_ms: row.duration_ms, error: row.error,
  });
  return row.text ? withText(next, { node_run: row.id, node_id: row.node_id, attempt: row.attempt, offset: 0, text: row.text }).run : next;
}

/** @param {RunView} run @param {string} id @param {Partial<NodeView>} change @returns {RunView} */
function withNode(run, id, change) {
  const blank = {
    id, node_id: "", tool: "", status: "started", attempt: 1, started_at: null, duration_ms: null, error: null,
    activation: null, done: null, total: null,
  };
  const node = /** @type {NodeView} */ ({ ...blank, ...run.nodes[id], ...change });
  return { ...run, nodes: { ...run.nodes, [id]: node }, order: run.nodes[id] ? run.order : [...run.order, id] };
}

/** @param {State} state @param {any} proposal @returns {State} */
function withProposal(state, proposal) {
  const next = { ...state, proposals: { ...state.proposals, [proposal.id]: proposal } };
  return changeRun(next, proposal.run, (run) => ({ ...run, proposal: proposal.id }));
}

/**
 * Adds streamed text; `missing` says from where text is needed first. Offsets count characters (code points).
 * @param {RunView} run
 * @param {{node_run: string, node_id: string, attempt: number, offset: number, text: string}} delta
 * @returns {{run: RunView, missing: number | null}}
 */
function withText(run, delta) {
  const known = run.texts[delta.node_run];
  if (known && delta.attempt < known.attempt) return { run, missing: null };
  const current = known && known.attempt === delta.attempt ? known : { text: "", points: 0 };
  if (delta.offset > current.points) return { run, missing: current.points };
  const points = [...delta.text];
  const fresh = points.slice(current.points - delta.offset);
  if (!fresh.length && known?.attempt === delta.attempt) return { run, missing: null };
  const text = {
    node_id: delta.node_id, attempt: delta.attempt, text: current.text + fresh.join(""), points: current.points + fresh.length,
  };
  return { run: { ...run, texts: { ...run.texts, [delta.node_run]: text }, latestText: delta.node_run }, missing: null };
}

/** @param {State} state @param {Frame} frame @param {number} now @returns {State} */
function withFrame(state, frame, now) {
  if (frame.seq !== null) {
    if (frame.seq <= state.lastSeq) return state;
    // A number is missing: nothing is applied until the ones before it are here.
    if (frame.seq > state.lastSeq + 1) return want(state, `events:${state.lastSeq}`);
    const about = subject(frame);
    state = { ...state, lastSeq: frame.seq, told: about ? { ...state.told, [about]: frame.seq } : state.told };
  }
  const handler = HANDLERS[frame.type];
  const next = handler ? handler(state, frame) : state;
  return frame.run && next.runs[frame.run] ? changeRun(next, frame.run, (run) => ({ ...run, news: now, sleepsUntil: null, waitsFor: [] })) : next;
}

/** What an event changes that REST tells as well: a run, a proposal, or the session. @param {Frame} frame @returns {string | null} */
function subject(frame) {
  if (frame.type.startsWith("run.")) return frame.run;
  if (frame.type.startsWith("hunk.") || frame.type === "proposal.created") return frame.data.proposal;
  return frame.type.startsWith("session.") || frame.type.startsWith("member.") ? "session" : null;
}

/** @param {Frame} frame */
const runOf = (frame) => /** @type {string} */ (frame.run);

/** @type {Record<string, (state: State, frame: Frame) => State>} */
const HANDLERS = {
  "run.queued": (state, frame) => {
    const { graph, graph_version, metadata } = frame.data;
    const next = changeRun(state, runOf(frame), (run) => ({ ...run, graph, graph_version, created_at: run.created_at || frame.at, rolledBack: metadata?.rolled_back ?? null }), frame.at);
    if (!metadata?.request) return withGraphRun(next, { id: runOf(frame), status: "queued", graph, graph_version, created_at: frame.at, metadata });
    const known = state.requests[metadata.request];
    // A request that was left open is handed over: another run goes on with it, and says as what and why.
    const told = known && { ...known, intent: metadata.intent ?? known.intent, routing_reason: metadata.routing_reason ?? known.routing_reason };
    if (told) return known.run === runOf(frame) ? next : want(retried(next, told, runOf(frame)), `nodes:${frame.run}`);
    const request = {
      id: metadata.request, intent: metadata.intent, instruction: metadata.instruction, parent: metadata.parent ?? null,
      created_at: frame.at, run: runOf(frame), base_revision: metadata.base_revision, routing_reason: metadata.routing_reason,
      by: metadata.by ?? "", by_id: metadata.by_id ?? null,
    };
    return want(withRequest(next, request), `run:${frame.run}`);
  },
  "run.started": (state, frame) => {
    const next = changeRun(state, runOf(frame), (run) => ({ ...run, status: "running", started_at: run.started_at ?? frame.at }));
    return next.runs[runOf(frame)].interrupts.length ? want(next, `run:${frame.run}`) : next;
  },
  "run.cancel_requested": (state, frame) => changeRun(state, runOf(frame), (run) => ({ ...run, cancelling: true })),
  "run.completed": (state, frame) => ended(state, frame, "completed"),
  "run.failed": (state, frame) => ended(state, frame, "failed"),
  "run.cancelled": (state, frame) => ended(state, frame, "cancelled"),
  "run.interrupted": (state, frame) =>
    changeRun(state, runOf(frame), (run) => ({ ...run, status: "interrupted", interrupts: frame.data.interrupts ?? [] })),
  // One question was answered, which the event does not name; the others still wait.
  "run.resumed": (state, frame) => want(changeRun(state, runOf(frame), (run) => ({ ...run, status: "running" })), `run:${frame.run}`),
  "node.started": (state, frame) => {
    const next = nodeChanged(state, frame, { status: "started", started_at: frame.at, error: null, duration_ms: null });
    // While other branches work on, no event tells that a question waits.
    return frame.data.tool === "ask_human" ? want(next, `run:${frame.run}`) : next;
  },
  "node.retried": (state, frame) => nodeChanged(state, frame, { status: "retrying", error: frame.data.error }),
  "node.completed": (state, frame) => nodeChanged(state, frame, { status: "completed", duration_ms: frame.data.duration_ms, error: null }),
  "node.failed": (state, frame) =>
    nodeChanged(state, frame, { status: "failed", duration_ms: frame.data.duration_ms, error: frame.data.error }),
  "node.skipped": (state, frame) =>
    changeRun(state, runOf(frame), (run) =>
      withNode(run, frame.data.node_run ?? `skipped:${frame.data.node_id}`, { node_id: frame.data.node_id, status: "skipped" })),
  "node.progressed": (state, frame) =>
    changeRun(state, runOf(frame), (run) =>
      withNode(run, frame.data.node_run, { node_id: frame.data.node_id, done: frame.data.done, total: frame.data.total })),
  "text.delta": (state, frame) => {
    const run = state.runs[runOf(frame)];
    if (!run) return state;
    const { run: after, missing } = withText(run, frame.data);
    const next = changeRun(state, run.id, () => after);
    return missing === null ? next : want(next, `text:${frame.data.node_run}:${missing}`);
  },
  "diff.updated": (state, frame) =>
    changeRun(state, runOf(frame), (run) => ({ ...run, draft: withHunks(run.draft, frame) })),
  "proposal.created": (state, frame) =>
    want(
      changeRun(superseded(state, frame.data.proposal), runOf(frame), (run) => ({ ...run, proposal: frame.data.proposal })),
      `proposal:${frame.data.proposal}`,
    ),
  "hunk.accepted": (state, frame) => decided(state, frame, "accepted"),
  "hunk.rejected": (state, frame) => decided(state, frame, "rejected"),
  "hunk.conflicted": (state, frame) => want(decided(state, frame, "conflicted"), `proposal:${frame.data.proposal}`),
  "cost.updated": (state, frame) =>
    frame.run
      ? changeRun(state, frame.run, (run) => ({
          ...run,
          tokens: { prompt: frame.data.prompt_tokens, completion: frame.data.completion_tokens },
          cost_usd: frame.data.cost_usd ?? null,
        }))
      : state,
  "message.created": withMessage,
  "document.saved": (state, frame) => want(state, `document:${frame.data.revision}`),
  "member.joined": (state) => want(state, "session"),
  "member.left": (state) => want(state, "session"),
  "member.changed": (state) => want(state, "session"),
  "session.changed": (state) => want(state, "session"),
  "session.extended": (state) => want(state, "session"),
  "session.reopened": (state) => want(state, "session"),
  "session.expiring": (state, frame) =>
    state.session ? { ...state, session: { ...state.session, expires_at: frame.data.expires_at, expiring: true } } : state,
  "session.expired": (state) => (state.session ? { ...state, session: { ...state.session, status: "expired", expiring: false } } : state),
};

/** A new run goes on with a request in the place of one that failed. @param {State} state @param {RequestView} request @param {string} run @returns {State} */
function retried(state, request, run) {
  const earlier = [...(request.earlier ?? []), request.run];
  if (earlier.includes(run)) return state;
  return { ...state, requests: { ...state.requests, [request.id]: { ...request, run, earlier } } };
}

/** @param {State} state @param {Frame} frame @param {string} status @returns {State} */
function ended(state, frame, status) {
  const next = changeRun(state, runOf(frame), (run) => ({
    ...run,
    status,
    cancelling: false,
    finished_at: frame.at,
    duration_ms: frame.data.duration_ms ?? run.duration_ms,
    error: frame.data.error ?? null,
    interrupts: [],
  }));
  return want(next, `run:${frame.run}`);
}

/** @param {State} state @param {Frame} frame @param {Partial<NodeView>} change @returns {State} */
function nodeChanged(state, frame, change) {
  const { node_run, node_id, tool, attempt, activation } = frame.data;
  return changeRun(state, runOf(frame), (run) =>
    withNode(run, node_run, { node_id, tool, attempt, activation: activation ?? null, ...change }));
}

/** @param {State} state @param {Frame} frame @param {string} status @returns {State} */
function decided(state, frame, status) {
  const proposal = state.proposals[frame.data.proposal];
  if (!proposal) return want(state, `proposal:${frame.data.proposal}`);
  const hunks = proposal.hunks.map((/** @type {HunkView} */ hunk) =>
    frame.data.hunks.includes(hunk.n) ? { ...hunk, status, decided_by: { name: frame.data.by } } : hunk);
  const open = hunks.some((/** @type {HunkView} */ hunk) => hunk.status === "open");
  return withProposal(state, { ...proposal, hunks, status: open || proposal.status === "superseded" ? proposal.status : "decided" });
}

/** A newer proposal takes the place of those that are still open. @param {State} state @param {string} newest @returns {State} */
function superseded(state, newest) {
  const open = Object.values(state.proposals).filter((proposal) => proposal.status === "open" && proposal.id !== newest);
  return open.reduce((next, proposal) => withProposal(next, { ...proposal, status: "superseded" }), state);
}

/** What was said of a request, or beside none. @param {State} state @param {RequestView} request @returns {MessageView[]} */
export const messagesOf = (state, request) => [...(request.earlier ?? []), request.run || request.id].flatMap((key) => state.messages[key] ?? []);

/** How far a run is. @param {RunView} run @returns {{done: number, total: number | null}} */
export function progressOf(run) {
  const done = Object.values(run.nodes).filter((node) => node.status === "completed").length;
  return { done, total: run.total === null ? null : Math.max(run.total, done) };
}

/** @param {RunView | undefined} run */
export const isActive = (run) => run !== undefined && !TERMINAL.includes(run.status);
