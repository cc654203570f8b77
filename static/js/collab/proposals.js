// @ts-check
/**
 * What agents propose, in the text itself and for everybody: lines that would go are tinted, lines that would come
 * stand below them, and the agent's caret is where it works. The text may have moved since an agent read it, so a hunk
 * is looked for by its lines; one that is not found is told of in the review only.
 */

import { Decoration, EditorView, StateEffect, StateField, WidgetType } from "../../vendor/agentsite-vendor-1.2.0.js";
import { nodesOf, plain } from "../ui/invisible_characters.js";

const MOST_HUNKS = 200;
const MOST_LINES = 30;
const COLOURS = ["#6d28d9", "#0e7490", "#9d174d", "#166534"];

/**
 * @typedef {{old_start: number, text: string}} Hunk
 * @typedef {{name: string, color: string, hunks: Hunk[], at: Hunk | null, isWorking: boolean}} Agent
 *   `at`: the hunk that it works on
 * @typedef {{from: number, gone: number, come: string[]}} Place in lines, from 0; `gone` lines go there, and others come
 */

/** An agent keeps its colour everywhere. @param {string} name */
export function colourOf(name) {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0;
  return COLOURS[sum % COLOURS.length];
}

/**
 * The changes of one hunk, where its lines stand now: nearest to where they were; null when they are gone.
 * @param {Hunk} hunk @param {string[]} lines @returns {Place[] | null}
 */
export function placesOf(hunk, lines) {
  const rows = hunk.text.split("\n").filter((row) => row !== "" && row[0] !== "\\").map((row) => ({ sign: row[0], text: row.slice(1).replace(/\r$/, "") }));
  const old = rows.filter(({ sign }) => sign !== "+").map(({ text }) => text);
  const at = old.length ? nearest(lines, old, hunk.old_start - 1) : Math.min(Math.max(0, hunk.old_start), lines.length);
  if (at === null) return null;
  /** @type {Place[]} */
  const places = [];
  let line = at;
  /** @type {Place | null} */
  let open = null;
  for (const { sign, text } of rows) {
    if (sign === " ") {
      open = null;
      line += 1;
      continue;
    }
    if (!open) places.push((open = { from: line, gone: 0, come: [] }));
    if (sign === "-") {
      open.gone += 1;
      line += 1;
    } else open.come.push(text);
  }
  return places;
}

/** @param {string[]} lines @param {string[]} wanted @param {number} expected @returns {number | null} */
function nearest(lines, wanted, expected) {
  const last = lines.length - wanted.length;
  const isAt = (/** @type {number} */ at) => at >= 0 && at <= last && wanted.every((text, i) => lines[at + i] === text);
  for (let away = 0; away <= lines.length; away += 1) {
    if (isAt(expected - away)) return expected - away;
    if (isAt(expected + away)) return expected + away;
  }
  return null;
}

class Coming extends WidgetType {
  /** @param {string[]} lines @param {string} name @param {string} color */
  constructor(lines, name, color) {
    super();
    this.lines = lines;
    this.name = name;
    this.color = color;
  }

  /** @param {Coming} other */
  eq(other) {
    return other.name === this.name && other.lines.length === this.lines.length && other.lines.every((line, i) => line === this.lines[i]);
  }

  toDOM() {
    const box = document.createElement("div");
    box.className = "cm-proposed-come";
    box.style.borderLeftColor = this.color;
    box.setAttribute("role", "note");
    box.setAttribute("aria-label", `${plain(this.name)} proposes ${this.lines.length} ${this.lines.length === 1 ? "line" : "lines"}; decide in the review`);
    for (const line of this.lines.slice(0, MOST_LINES)) {
      const row = document.createElement("div");
      row.append(...(line ? nodesOf(line, { code: true, isStart: false }) : ["\u200b"]));
      row.setAttribute("aria-hidden", "true");
      box.append(row);
    }
    if (this.lines.length > MOST_LINES) box.append(`… ${this.lines.length - MOST_LINES} more lines`);
    return box;
  }

  ignoreEvent() {
    return true;
  }
}

class AgentCaret extends WidgetType {
  /** @param {string} name @param {string} color */
  constructor(name, color) {
    super();
    this.name = name;
    this.color = color;
  }

  /** @param {AgentCaret} other */
  eq(other) {
    return other.name === this.name;
  }

  toDOM() {
    const caret = document.createElement("span");
    caret.className = "remote-caret agent-caret";
    caret.setAttribute("aria-hidden", "true");
    caret.style.borderColor = this.color;
    const name = document.createElement("span");
    name.className = "remote-name";
    name.style.backgroundColor = this.color;
    name.textContent = plain(this.name);
    caret.append("\u2060", name, "\u2060");
    return caret;
  }

  ignoreEvent() {
    return true;
  }
}

/** @param {import("@codemirror/state").Text} doc @param {Agent[]} agents */
function decorationsOf(doc, agents) {
  const lines = doc.toJSON().map((line) => line.replace(/\r$/, "")); // as the lines of hunks are compared
  const ranges = [];
  for (const agent of agents) {
    for (const hunk of agent.hunks) {
      for (const { from, gone, come } of placesOf(hunk, lines) ?? []) {
        for (let n = from; n < from + gone; n += 1) {
          const line = doc.line(n + 1);
          ranges.push(Decoration.line({ class: "cm-proposed-gone" }).range(line.from));
          const start = line.from + lines[n].length - lines[n].trimStart().length;
          if (start < line.to) ranges.push(Decoration.mark({ class: "cm-proposed-struck" }).range(start, line.to));
        }
        if (!come.length) continue;
        const [at, side] = from + gone > 0 ? [doc.line(Math.min(from + gone, doc.lines)).to, 1] : [0, -1];
        ranges.push(Decoration.widget({ widget: new Coming(come, agent.name, agent.color), block: true, side }).range(at));
      }
    }
    if (!agent.isWorking) continue;
    const place = agent.at ? placesOf(agent.at, lines)?.at(-1) : null;
    const at = place ? doc.line(Math.min(place.from + 1, doc.lines)).from : 0;
    ranges.push(Decoration.widget({ widget: new AgentCaret(agent.name, agent.color), side: -1 }).range(at));
  }
  return Decoration.set(ranges, true);
}

const shown = StateEffect.define();

const field = StateField.define({
  create: () => Decoration.none,
  update(decorations, transaction) {
    for (const effect of transaction.effects) if (effect.is(shown)) return decorationsOf(transaction.newDoc, effect.value);
    return transaction.docChanged ? decorations.map(transaction.changes) : decorations;
  },
  provide: (of) => EditorView.decorations.from(of),
});

/** To be given to the editor when it is made. */
export const proposalsInText = [
  field,
  EditorView.baseTheme({
    ".cm-proposed-gone": { backgroundColor: "var(--bad-soft)" },
    ".cm-proposed-struck": { textDecoration: "line-through", textDecorationColor: "var(--bad)" },
    ".cm-proposed-come": {
      padding: "0 0.75rem 0 0.25rem",
      borderLeft: "3px solid",
      backgroundColor: "var(--good-soft)",
      whiteSpace: "pre-wrap",
      overflowWrap: "anywhere",
    },
    ".agent-caret .remote-name": { opacity: "1" },
  }),
];

/** Shows what agents propose now, unless it is what is shown. */
export class Proposals {
  /** @param {EditorView} view */
  constructor(view) {
    this.view = view;
    this.drawn = "[]";
  }

  /** @param {Agent[]} agents */
  show(agents) {
    const key = JSON.stringify(agents);
    if (key === this.drawn) return;
    this.drawn = key;
    this.view.dispatch({ effects: shown.of(agents) });
  }
}

/**
 * The agents of a session as the text shows them: those that work, and the one whose open proposal is looked at.
 * @param {any[]} runs @param {Record<string, any>} proposals @param {(run: any) => boolean} isActive
 * @returns {Agent[]}
 */
export function agentsIn(runs, proposals, isActive) {
  /** @type {Agent[]} */
  const agents = [];
  for (const run of runs) {
    const name = (run.graph || "agent").replaceAll("_", " ");
    const proposal = run.proposal ? proposals[run.proposal] : null;
    const drafted = Object.values(run.draft ?? {});
    const isWorking = isActive(run);
    const hunks = proposal
      ? proposal.status === "open" ? proposal.hunks.filter((/** @type {any} */ hunk) => hunk.status === "open") : []
      : isWorking ? drafted : [];
    if (!isWorking && !hunks.length) continue;
    agents.push({
      name, color: colourOf(name), isWorking, at: drafted.at(-1) ?? null,
      hunks: hunks.slice(0, MOST_HUNKS).map(({ old_start, text }) => ({ old_start, text })),
    });
  }
  return agents;
}
