// @ts-check
/** The conversation: every request of the session with its run and what became of it, oldest first. */

import { banner } from "../ui/notices.js";
import { button, fill, h, icon } from "../ui/dom.js";
import { full, relative } from "../ui/time.js";
import { failureOf } from "./failures.js";
import { isActive, messagesOf, progressOf } from "./reduce.js";
import { Messages } from "./messages.js";
import { Questions } from "./questions.js";
import { nodeName, showProgress } from "./steps.js";

/**
 * @typedef {import("./reduce.js").State} State
 * @typedef {{review: (run: string) => void, askAgain: (request: string) => void, instead: (request: string, intent: string) => void, followUp: (request: string) => void,
 *   retry: (run: string) => void, answer: (request: string, interrupt: string, value: any) => Promise<void>,
 *   planned: (run: import("./reduce.js").RunView) => string[]}} Actions
 */

/** @type {Record<string, string>} */
export const INTENTS = { auto: "Choose for me", refine_code: "Refine code", code_review: "Review", refine_prompt: "Refine a prompt", ask: "Ask", build: "Build", redesign_graph: "Redesign a graph", graph: "Graph", message: "Message" };

/** What a request says of its intent when a person has chosen it. */
const ASKED_FOR = "asked for";

export class Conversation {
  /** @param {HTMLElement} root @param {string} me the id of who reads it @param {Actions} actions */
  constructor(root, me, actions) {
    this.root = root;
    this.me = me;
    this.actions = actions;
    this.list = h("ol", { class: "turns", "aria-label": "Requests" });
    this.empty = h("div", { class: "empty" }, icon("message-square"), h("h3", null, "Say what you want"),
      h("p", null, "Ask for a change or a review of the code. Everything that is asked in this session stays here."));
    fill(root, this.empty, this.list);
    /** @type {Map<string, {element: HTMLElement, parts: Record<string, HTMLElement>, questions: Questions, messages: Messages, seen: unknown[]}>} */
    this.turns = new Map();
  }

  /**
   * @param {State} state
   * @param {{selected: string | null, canAsk: boolean, tick: boolean}} view `tick`: only clocks may have moved
   */
  show(state, { selected, canAsk, tick }) {
    this.empty.hidden = state.order.length > 0;
    const follows = this.root.scrollHeight - this.root.scrollTop - this.root.clientHeight < 60;
    /** @type {HTMLElement | null} */
    let first = null;
    for (const [i, id] of state.order.entries()) {
      const turn = this.turns.get(id) ?? this.#newTurn(id);
      if (this.list.children[i] !== turn.element) this.list.insertBefore(turn.element, this.list.children[i] ?? null);
      const request = state.requests[id];
      const run = state.runs[request.run];
      const proposal = run?.proposal ? state.proposals[run.proposal] : null;
      const messages = messagesOf(state, request);
      const seen = [request, run, proposal, canAsk, selected === request.run, state.order.length, messages.length, messages.at(-1)?.seq];
      const same = seen.every((value, at) => value === turn.seen[at]);
      if (tick) turn.questions.tick(Date.now());
      if (same && !(tick && isActive(run))) continue;
      turn.seen = seen;
      turn.element.classList.toggle("selected", selected === request.run);
      turn.element.dataset.status = run?.status ?? "";
      if (!same) this.#showTurn(turn.parts, state, id, canAsk, selected === request.run);
      if (!same) turn.messages.show(messages, { of: request.instruction });
      const asks = turn.questions.show(run?.interrupts ?? [], canAsk);
      first ??= asks;
      if (run) showProgress(turn.parts.progress, run, this.actions.planned(run), { clock: Date.now(), monotonic: performance.now() });
    }
    // A new question is read from its beginning, not from its last field.
    if (follows && first) first.scrollIntoView({ block: "start" });
    else if (follows && !tick && !this.list.querySelector(".question")) this.root.scrollTop = this.root.scrollHeight;
  }

  /** @param {string} id */
  #newTurn(id) {
    const parts = { ask: h("div", { class: "turn-ask" }), choice: h("div", { class: "turn-choice" }), progress: h("div", { class: "turn-progress" }), outcome: h("div", { class: "turn-outcome" }) };
    const asked = h("div", { class: "turn-questions" });
    // A retry gives the turn another run, so whose question it is is looked up when it is answered.
    const questions = new Questions(asked, (interrupt, value) => this.actions.answer(id, interrupt, value));
    const said = h("div", { class: "turn-said" });
    const messages = new Messages(said, this.me);
    const element = h("li", { class: "turn", data: { request: id } }, parts.ask, parts.choice, parts.progress, asked, said, parts.outcome);
    const turn = { element, parts, questions, messages, seen: [] };
    this.turns.set(id, turn);
    return turn;
  }

  /** @param {Record<string, HTMLElement>} parts @param {State} state @param {string} id @param {boolean} canAsk @param {boolean} selected */
  #showTurn(parts, state, id, canAsk, selected) {
    const request = state.requests[id];
    const run = state.runs[request.run];
    const parent = request.parent ? state.requests[request.parent] : null;
    fill(parts.ask,
      parent && h("p", { class: "note turn-parent" }, icon("corner-down-right"), ` Follow-up to “${shorten(parent.instruction)}”`),
      !request.said && h("p", { class: "turn-words" }, request.instruction || nodeName(request.graph ?? "")),
      !request.said && h("p", { class: "note", title: request.routing_reason },
        this.#who(state, request), request.graph && request.instruction ? "Task" : INTENTS[request.intent] ?? request.intent, " · ",
        h("time", { datetime: request.created_at, "data-relative": "", title: full(request.created_at) }, relative(request.created_at))));
    this.#showChoice(parts.choice, request, canAsk);
    fill(parts.outcome, ...this.#outcome(state, request, run, canAsk, selected));
  }

  /** Who asked; nobody is named where that is not known. @param {State} state @param {any} request */
  #who(state, request) {
    const { by, by_id } = request.by ? request : messagesOf(state, request).find(({ role }) => role === "user") ?? {};
    return by ? `${by_id === this.me ? "You" : by} · ` : "";
  }

  /** What was chosen for the person, why, and the way to something else. @param {HTMLElement} part @param {any} request @param {boolean} canAsk */
  #showChoice(part, request, canAsk) {
    const reason = request.routing_reason ?? "";
    const drawn = `${request.intent}:${reason}:${canAsk}`;
    if (part.dataset.drawn === drawn) return; // so that what is open stays open
    part.dataset.drawn = drawn;
    const chosen = reason !== "" && reason !== ASKED_FOR && !request.graph;
    const others = Object.keys(INTENTS).filter((name) => !["auto", "graph", "redesign_graph", request.intent].includes(name));
    fill(part,
      chosen && h("p", { class: "note" }, icon("wand-sparkles"), request.intent === "auto" ? " " : ` ${INTENTS[request.intent]} was chosen: `, sentence(reason)),
      chosen && canAsk && h("details", { class: "instead" }, h("summary", null, "Do this instead"),
        h("div", { class: "row", role: "group", "aria-label": "Do this instead" },
          others.map((name) => button(INTENTS[name], () => this.actions.instead(request.id, name), { class: "small" })))));
  }

  /** @param {State} state @param {any} request @param {import("./reduce.js").RunView | undefined} run @param {boolean} canAsk @param {boolean} selected */
  #outcome(state, request, run, canAsk, selected) {
    if (!run) return [];
    const proposal = run.proposal ? state.proposals[run.proposal] : null;
    const over = !isActive(run);
    const redesign = run.status === "completed" && run.state?.graph_proposal ? run.state : null;
    const open = proposal?.hunks.filter((/** @type {any} */ hunk) => hunk.status === "open").length ?? 0;
    const failure = failureOf(run.error);
    const stuck = failedTheSame(state, request, run);
    const wrote = Object.keys(run.draft ?? {}).length > 0 || run.latestText !== null;
    const isAnswered = messagesOf(state, request).some(({ role }) => role === "agent");
    const label = proposal
      ? open > 0 ? `Review ${open} ${open === 1 ? "hunk" : "hunks"}` : "Show the changes"
      : run.proposal ? null
      : run.status === "completed" && !redesign ? (isAnswered ? null : "Show the result") : !over && run.draft ? "Watch the changes" : over && wrote ? "Show what it wrote" : null;
    return [
      run.rolledBack && banner({
        tone: "warn",
        title: `“${nodeName(run.rolledBack.node_id)}” turned in circles`,
        words: `The run was taken back to before its loop and went on from there. ${sentence(run.rolledBack.reason)}`,
      }),
      run.status === "failed" && banner({
        tone: "bad",
        title: failure.title,
        words: [
          h("p", null, sentence(run.error?.message ?? "No reason was given")),
          !stuck && failure.next && h("p", null, failure.next),
          h("p", null, ["Your code is as it was.", keptWords(run, stuck)].filter(Boolean).join(" ")),
        ],
        code: [run.error?.type, run.error?.node_id, `run ${run.id}`].filter(Boolean).join(" · "),
      }),
      proposal?.summary && h("p", { class: "turn-summary" }, proposal.summary),
      redesign && h("p", { class: "turn-summary" }, redesign.summary),
      redesign && h("p", null, h("a", { class: "button small primary", href: `/graph/${redesign.graph}/?redesign=${redesign.graph_proposal}` }, icon("workflow"), "Open the graph with its changes")),
      h("div", { class: "row" },
        label && button(label, () => this.actions.review(run.id), { icon: proposal ? "file-diff" : "eye", class: `small ${open > 0 && !selected ? "primary" : ""}` }),
        over && canAsk && this.#ways(request, run, { stuck, lasts: failure.lasts })),
    ].filter(Boolean);
  }

  /** How to go on from a run that is over. @param {any} request @param {import("./reduce.js").RunView} run @param {{stuck: boolean, lasts: boolean}} how */
  #ways(request, run, { stuck, lasts }) {
    const completed = run.status === "completed";
    const first = run.status !== "failed" || lasts ? "" : stuck ? "again" : "retry";
    const title = "Goes on from the last step that was done";
    return [
      !completed && button(run.status === "failed" ? "Retry" : "Go on", () => this.actions.retry(run.id), { icon: "play", class: `small ${first === "retry" ? "primary" : ""}`, title }),
      completed && !request.graph && button("Follow up", () => this.actions.followUp(request.id), { icon: "corner-down-right", class: "small quiet" }),
      !request.graph && button("Ask again", () => this.actions.askAgain(request.id), { icon: "rotate-ccw", class: `small ${first === "again" ? "primary" : "quiet"}`, title: "Asks the same, of the code as it is now" }),
    ];
  }
}

/** Whether a retry failed at the same place with the same words. @param {State} state @param {any} request @param {import("./reduce.js").RunView} run */
function failedTheSame(state, request, run) {
  const before = state.runs[request.earlier?.at(-1) ?? ""];
  return run.status === "failed" && before?.error?.message === run.error?.message && before?.error?.node_id === run.error?.node_id;
}

/** @param {string} words */
const sentence = (words) => (/[.!?…]$/.test(words.trimEnd()) ? words : `${words}.`);

/** What a failed run leaves that a retry can use. @param {import("./reduce.js").RunView} run @param {boolean} stuck */
function keptWords(run, stuck) {
  if (stuck) return "It failed in the same way as before; ask again to begin anew.";
  const { done } = progressOf(run);
  return done === 0 ? "" : `${done} ${done === 1 ? "step is" : "steps are"} kept; Retry goes on from there.`;
}

/** @param {string} text @param {number} [most] */
export const shorten = (text, most = 60) => (text.length > most ? `${text.slice(0, most - 1).trimEnd()}…` : text);
