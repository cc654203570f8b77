// @ts-check
/** Holds the session's state: feeds the reducer from REST and the socket, and fetches what the reducer wants. */

import { ApiError, get, list } from "../net/api.js";
import { SessionSocket } from "../net/socket.js";
import { emptyState, isActive, reduce } from "./reduce.js";

/** @typedef {import("./reduce.js").State} State */

const EVENTS_PAGE = 1000;
const GRAPH_RUNS_READ = 200;
const REPORTS_READ = 20;
const MESSAGES_READ = 400;
const LOOK_AFTER_MS = 10_000;

export class SessionStore {
  /**
   * @param {{session: any, onChange: (state: State) => void, onRevision: (revision: number) => void,
   *   onMembers: () => void, onSocket: (state: import("../net/socket.js").SocketState) => void, onError: (error: unknown, what: string, retry: () => void) => void}} options
   */
  constructor({ session, onChange, onRevision, onMembers, onSocket, onError }) {
    this.path = `/v1/sessions/${session.id}`;
    this.state = reduce(emptyState(), { type: "session", session });
    this.onChange = onChange;
    this.onRevision = onRevision;
    this.onError = onError;
    /** Graph definitions' node ids by "graph:version". @type {Map<string, string[]>} */
    this.plans = new Map();
    this.queued = false;
    /** When runs were last asked for that told nothing. @type {Map<string, number>} */
    this.looked = new Map();
    /** What is being fetched, and whether it was wanted again meanwhile. @type {Map<string, boolean>} */
    this.fetching = new Map();
    this.socket = new SessionSocket({
      path: `/ws/sessions/${session.id}/`,
      after: () => this.state.lastSeq,
      onFrame: (frame) => {
        this.apply({ type: "frame", frame, now: performance.now() });
        if (frame.type.startsWith("member.")) onMembers();
      },
      onState: onSocket,
    });
  }

  /** @param {Parameters<typeof reduce>[1]} action */
  apply(action) {
    const next = reduce(this.state, action);
    if (next === this.state) return;
    this.state = reduce(next, { type: "fetched" });
    for (const want of next.wants) this.#fetch(want);
    if (this.queued) return;
    this.queued = true;
    // One drawing per frame, however many events come; a hidden page draws by a timer, for it has no frames.
    const draw = () => {
      this.queued = false;
      this.onChange(this.state);
    };
    if (document.hidden) setTimeout(draw, 100);
    else requestAnimationFrame(draw);
  }

  /** Reads the snapshot, then follows. Events that the snapshot already holds are skipped or change nothing. */
  async start() {
    this.socket.open();
    await this.load();
  }

  async load() {
    const asked = this.state.lastSeq;
    try {
      const [requests, proposals, runs, { results: messages }] = await Promise.all([
        list(`${this.path}/requests`, 200),
        list(`${this.path}/proposals`, 200),
        list(`/v1/runs?session=${this.state.session.id}`, GRAPH_RUNS_READ),
        get(`${this.path}/events?type=message.created&before=${asked + 1}&limit=${MESSAGES_READ}`),
      ]);
      this.apply({ type: "requests", requests, asked });
      this.apply({ type: "graph-runs", runs, asked });
      this.apply({ type: "messages", frames: messages });
      this.apply({ type: "proposals", proposals, asked });
      // A list leaves out the states of its runs, and a review's report is in its run's state.
      const reports = Object.values(this.state.runs).filter((run) => run.status === "completed" && !run.proposal && !run.state);
      for (const run of reports.slice(-REPORTS_READ)) this.#fetch(`run:${run.id}`);
      const active = Object.values(this.state.runs).filter(isActive);
      await Promise.all(active.map((run) => this.#catchUp(run.id)));
    } catch (error) {
      this.onError(error, "The conversation could not be loaded", () => this.load());
    }
  }

  /** What a run did before this page was opened: its nodes, its hunks so far, and its text so far. @param {string} run */
  async #catchUp(run) {
    await this.loadNodes(run);
    await this.#pastHunks(run);
    for (const node of Object.values(this.state.runs[run].nodes)) {
      if (node.status === "started") this.#askForText(node.id, this.state.runs[run].texts[node.id]?.points ?? 0);
    }
  }

  /**
   * Asks for a run of which nothing was heard for a while, one at a time: no event says that it only waits, and for what.
   * @param {number} now by the monotonic clock
   */
  lookAtTheQuiet(now) {
    const due = Object.values(this.state.runs).find((run) =>
      run.status === "running" && now - Math.max(run.news, this.looked.get(run.id) ?? 0) >= LOOK_AFTER_MS);
    if (!due) return;
    this.looked.set(due.id, now);
    this.#fetch(`run:${due.id}`);
  }

  /** The files that a build wrote are in its state, which no list tells. @param {string} run */
  loadState(run) {
    const known = this.state.runs[run];
    if (known?.graph === "build" && !isActive(known) && !known.state) this.#fetch(`run:${run}`);
  }

  /** @param {string} run */
  async loadNodes(run) {
    try {
      this.apply({ type: "nodes", run, nodes: await list(`/v1/runs/${run}/node-runs`, 500) });
    } catch (error) {
      this.onError(error, "The run's steps could not be loaded", () => this.loadNodes(run));
    }
  }

  /** Walks the log backwards to the run's beginning, and takes its diff.updated events. @param {string} run */
  async #pastHunks(run) {
    const until = this.state.lastSeq;
    /** @type {import("./reduce.js").Frame[]} */
    const found = [];
    for (let from = Math.max(0, until - EVENTS_PAGE); ; from = Math.max(0, from - EVENTS_PAGE)) {
      const page = await this.#eventsAfter(from, Math.min(from + EVENTS_PAGE, until));
      found.unshift(...page.filter((frame) => frame.run === run && frame.type === "diff.updated"));
      if (from === 0 || page.some((frame) => frame.run === run && frame.type === "run.queued")) break;
    }
    if (found.length) this.apply({ type: "past-hunks", run, frames: found });
  }

  /** @param {number} after @param {number} until @returns {Promise<import("./reduce.js").Frame[]>} */
  async #eventsAfter(after, until) {
    /** @type {import("./reduce.js").Frame[]} */
    const frames = [];
    while (after < until) {
      const { results } = await get(`${this.path}/events?after=${after}`);
      frames.push(...results.filter((/** @type {any} */ frame) => frame.seq <= until));
      if (!results.length) break;
      after = results.at(-1).seq;
    }
    return frames;
  }

  /** @param {string} nodeRun @param {number} offset */
  #askForText(nodeRun, offset) {
    this.socket.send({ type: "text.since", node_run: nodeRun, offset });
  }

  /** @param {string} want */
  async #fetch(want) {
    const [what, id, more] = want.split(":");
    if (what === "document") return this.onRevision(Number(id));
    if (what === "text") return this.#askForText(id, Number(more));
    if (this.fetching.has(want)) return void this.fetching.set(want, true); // the answer under way may be older than the wish
    this.fetching.set(want, false);
    try {
      await this.#fetchOne(what, id);
    } catch (error) {
      if (!(error instanceof ApiError) || !error.passes) this.onError(error, "Something that changed could not be loaded", () => this.#fetch(want));
      else setTimeout(() => this.#fetch(want), Math.max(2, error.retryAfter) * 1000);
    } finally {
      const isWantedAgain = this.fetching.get(want);
      this.fetching.delete(want);
      if (isWantedAgain) this.#fetch(want);
    }
  }

  /** @param {string} what @param {string} id */
  async #fetchOne(what, id) {
    const asked = this.state.lastSeq;
    if (what === "nodes") await this.loadNodes(id);
    else if (what === "run") this.apply({ type: "run", run: await get(`/v1/runs/${id}`), asked });
    else if (what === "proposal") this.apply({ type: "proposals", proposals: [await get(`/v1/proposals/${id}`)], asked });
    else if (what === "session") this.apply({ type: "session", session: await get(this.path), asked });
    else if (what === "events") {
      for (const frame of await this.#eventsAfter(Number(id), Infinity)) this.apply({ type: "frame", frame, now: performance.now() });
    }
  }

  /** The nodes of a run's graph, in their order; empty until known. @param {import("./reduce.js").RunView} run @returns {string[]} */
  planned(run) {
    if (!run.graph || !isActive(run)) return [];
    const key = `${run.graph}:${run.graph_version ?? ""}`;
    const known = this.plans.get(key);
    if (known) return known;
    this.plans.set(key, []);
    this.#fetchPlan(run.graph, key);
    return [];
  }

  /** @param {string} graph @param {string} key */
  async #fetchPlan(graph, key) {
    try {
      const { definition } = await get(`/v1/graphs/${graph}`);
      this.plans.set(key, definition.nodes.map((/** @type {any} */ node) => node.node_id));
      this.onChange(this.state);
    } catch (error) {
      // Without it the steps are shown as they start, which is enough.
      if (!(error instanceof ApiError)) throw error;
    }
  }
}
