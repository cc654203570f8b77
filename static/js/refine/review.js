// @ts-check
/** The review of one run: what it streams, the hunks as they come, then the proposal's hunks to accept or reject. */

import { button, fill, h, icon } from "../ui/dom.js";
import { continues, nodesOf } from "../ui/invisible_characters.js";
import { RunFiles } from "./files.js";
import { hunkTable } from "./hunk.js";
import { isActive } from "./reduce.js";
import { reviewReport } from "./report.js";
import { runTag } from "./steps.js";

/**
 * @typedef {import("./reduce.js").RunView} RunView
 * @typedef {import("./reduce.js").HunkView} HunkView
 * @typedef {{run: RunView | null, answered: boolean, request: any, proposal: any, canDecide: boolean, language: string, busy: Set<number | "all">,
 *   elsewhere: {run: string, open: number} | null}} Scene `elsewhere`: another run's hunks that wait to be decided
 * @typedef {{decide: (n: number, verdict: "accept" | "reject", reason?: string) => void,
 *   decideAll: (verdict: "accept" | "reject") => void, goTo: (line: number) => void, selected: (n: number) => void, review: (run: string) => void,
 *   fail: (error: unknown, what: string, retry?: () => void) => void}} Actions
 */

/** @type {Record<string, {icon: string, text: string, tone: string}>} */
const HUNK_STATES = {
  provisional: { icon: "loader-circle", text: "Provisional", tone: "busy" },
  open: { icon: "circle-dot", text: "Open", tone: "" },
  accepted: { icon: "circle-check", text: "Accepted", tone: "good" },
  rejected: { icon: "circle-x", text: "Rejected", tone: "bad" },
  conflicted: { icon: "triangle-alert", text: "Conflict", tone: "warn" },
};

/** What is not checked looks like nothing that passed. */
const CHECKS = {
  passed: { icon: "circle-check", tone: "good", words: "passed" },
  failed: { icon: "circle-x", tone: "bad", words: "failed" },
  skipped: { icon: "circle-help", tone: "unchecked", words: "not checked" },
};

/** @param {string} words */
const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1);

/**
 * What is there to be reviewed: a proposal's hunks, or those that a run has come to so far. A run that ended without a
 * proposal proposes nothing, however far it had come.
 * @param {RunView} run @param {any} proposal @returns {HunkView[]}
 */
function hunksOf(run, proposal) {
  if (proposal) return proposal.hunks;
  return isActive(run) || run.proposal ? Object.values(run.draft ?? {}).sort((a, b) => a.n - b.n) : [];
}

/** What became of the changes that a run was still writing when it ended. @param {RunView} run */
function goneWords(run) {
  const count = Object.keys(run.draft ?? {}).length;
  if (count === 0) return "";
  return count === 1 ? " The change that it was writing is gone; its text is above." : ` The ${count} changes that it was writing are gone; its text is above.`;
}

export class ReviewPanel {
  /** @param {HTMLElement} root @param {Actions} actions */
  constructor(root, actions) {
    this.root = root;
    this.actions = actions;
    this.head = h("div", { class: "review-head" });
    this.checks = h("div", { class: "checks" });
    this.streamText = h("pre", { class: "stream-text", dir: "ltr", tabindex: "0", "aria-label": "What the agent writes" });
    this.stream = h("details", { class: "stream", open: true }, h("summary", null, "What the agent writes"), this.streamText);
    this.extra = h("div", { class: "review-extra" });
    this.list = h("ol", { class: "hunks", "aria-label": "Hunks" });
    this.files = h("section", { class: "review-files", "aria-label": "Files" });
    this.runFiles = new RunFiles(this.files, actions.fail);
    this.empty = h("div", { class: "empty" }, icon("file-diff"), h("h3", null, "Nothing to review yet"),
      h("p", null, "Ask for a change. What the agent wants to change appears here, piece by piece, and nothing is changed until you accept it."));
    fill(root, this.empty, this.head, this.checks, this.stream, this.extra, this.list, this.files);
    /** @type {Map<number, {element: HTMLLIElement, drawn: string}>} */
    this.hunks = new Map();
    this.shownRun = "";
    this.shownText = "";
    this.drawnHead = "";
    this.streamWasActive = false;
    /** @type {number | null} */
    this.selectedHunk = null;
    /** @type {any} */
    this.drawnReport = null;
    /** @type {Scene | null} */
    this.scene = null;
    /** The hunk whose reason is being written. @type {number | null} */
    this.reasonFor = null;
  }

  /** @param {Scene} scene */
  show(scene) {
    this.scene = scene;
    const { run, proposal } = scene;
    if ((run?.id ?? "") !== this.shownRun) this.#startOver(run?.id ?? "");
    this.empty.hidden = run !== null;
    this.runFiles.show(run);
    for (const part of [this.head, this.checks, this.extra, this.list]) part.hidden = run === null;
    this.stream.hidden = true;
    if (!run) return;
    const hunks = hunksOf(run, proposal);
    this.#showHead(scene, hunks);
    this.#showChecks(proposal);
    this.#showStream(run);
    this.#showExtra(scene, hunks);
    this.#showHunks(scene, hunks);
  }

  /** @param {string} run */
  #startOver(run) {
    this.shownRun = run;
    this.shownText = "";
    this.streamText.textContent = "";
    this.stream.open = true;
    this.hunks.clear();
    this.list.replaceChildren();
    this.selectedHunk = null;
    this.reasonFor = null;
    this.drawnReport = null;
    this.drawnHead = "";
    this.root.scrollTop = 0;
  }

  /** @param {Scene} scene @param {HunkView[]} hunks */
  #showHead({ run, request, proposal, canDecide, busy }, hunks) {
    const open = hunks.filter((hunk) => hunk.status === "open").length;
    const signature = JSON.stringify([run?.status, run?.cancelling, request?.instruction, proposal?.id, proposal?.status, proposal?.summary, hunks.length, open, canDecide, busy.has("all")]);
    if (signature === this.drawnHead || !run) return;
    this.drawnHead = signature;
    const focused = this.head.contains(document.activeElement) ? document.activeElement?.getAttribute("data-part") : null;
    const decided = hunks.length - open;
    const failed = proposal?.checks.some((/** @type {any} */ check) => check.verdict === "failed");
    const count = proposal
      ? hunks.length ? `${decided} of ${hunks.length} decided` : "No changes"
      : hunks.length ? `${hunks.length} so far` : "";
    fill(this.head,
      h("div", { class: "row" }, runTag(run), count && h("span", { class: "note" }, count),
        proposal?.status === "superseded" && h("span", { class: "tag warn" }, icon("triangle-alert"), "Superseded")),
      request && h("p", { class: "review-ask" }, request.instruction),
      proposal?.summary && h("p", { class: "review-summary" }, proposal.summary),
      proposal && hunks.length > 0 && h("div", { class: "row review-actions" },
        canDecide && open > 0 && button(open > 1 ? `Accept all ${open}` : "Accept", () => this.actions.decideAll("accept"), { icon: "check-check", class: failed ? "" : "primary", disabled: busy.has("all"), data: { part: "accept-all" } }),
        canDecide && open > 0 && button("Reject all", () => this.actions.decideAll("reject"), { icon: "x", disabled: busy.has("all"), data: { part: "reject-all" } }),
        h("a", { class: "button quiet", href: `/v1/proposals/${proposal.id}/patch`, download: "" }, icon("download"), "Patch")));
    if (focused) (/** @type {HTMLElement | null} */ (this.head.querySelector(`[data-part="${focused}"]`)) ?? this.list).focus();
  }

  /** @param {any} proposal */
  #showChecks(proposal) {
    const checks = proposal?.checks ?? [];
    this.checks.hidden = checks.length === 0;
    const signature = JSON.stringify(checks);
    if (this.checks.dataset.drawn === signature) return;
    this.checks.dataset.drawn = signature;
    fill(this.checks, h("ul", { class: "check-list", "aria-label": "Checks" }, checks.map((/** @type {any} */ check) => {
      const verdict = /** @type {typeof CHECKS.passed} */ (Reflect.get(CHECKS, check.verdict) ?? CHECKS.skipped);
      return h("li", null, h("span", { class: `tag ${verdict.tone}` }, icon(verdict.icon), `${sentence(check.name.replaceAll("_", " "))}: ${verdict.words}`),
        check.detail && h("span", { class: "note" }, check.detail));
    })));
  }

  /** Adds to what is shown instead of drawing it anew, so that scrolling and selecting work while text comes. @param {RunView} run */
  #showStream(run) {
    const text = run.latestText ? run.texts[run.latestText]?.text ?? "" : "";
    const active = isActive(run);
    this.stream.hidden = text === "";
    this.stream.setAttribute("aria-busy", String(active));
    if (!active && this.streamWasActive) this.stream.open = false;
    this.streamWasActive = active;
    if (text === this.shownText) return;
    const follows = this.streamText.scrollHeight - this.streamText.scrollTop - this.streamText.clientHeight < 40;
    const more = text.startsWith(this.shownText) ? text.slice(this.shownText.length) : null;
    if (more !== null && this.shownText && !continues(more, this.shownText)) this.streamText.append(...nodesOf(more, { code: true, isStart: false }));
    else fill(this.streamText, text);
    this.shownText = text;
    if (follows) this.streamText.scrollTop = this.streamText.scrollHeight;
  }

  /** @param {Scene} scene @param {HunkView[]} hunks */
  #showExtra({ run, answered, proposal, elsewhere }, hunks) {
    if (!run) return;
    const signature = `${run.id}:${run.status}:${run.state !== null}:${hunks.length}:${proposal?.id}:${answered}:${elsewhere?.run}:${elsewhere?.open}`;
    if (this.drawnReport === signature) return;
    this.drawnReport = signature;
    const report = run.status !== "completed" || proposal ? null : reviewReport(run.state, this.actions.goTo);
    const asks = run.status === "interrupted";
    const waiting = isActive(run) && !asks && hunks.length === 0;
    const nothing = run.status === "completed" && hunks.length === 0 && !report && !run.state?.files?.length && (!run.proposal || proposal);
    fill(this.extra,
      report,
      waiting && h("div", { class: "empty small" }, icon("loader-circle", "spin"), h("p", null, "Working on it. Changes appear here as they are written.")),
      asks && h("div", { class: "empty small" }, icon("circle-help"), h("p", null, "The run waits for an answer. Its question is in the conversation.")),
      run.status === "failed" && hunks.length === 0 && h("div", { class: "empty small" }, icon("circle-x"), h("p", null, `The run failed before it proposed anything.${goneWords(run)} Your code is as it was; the conversation says why, and how to go on.`)),
      nothing && answered && h("div", { class: "empty small" }, icon("message-square"), h("h3", null, "Answered"), h("p", null, "The answer is in the conversation.")),
      nothing && !answered && h("div", { class: "empty small" }, icon("check"), h("h3", null, "No changes proposed"), h("p", null, "The agent found nothing to change for this request.")),
      run.status === "cancelled" && hunks.length === 0 && h("div", { class: "empty small" }, icon("circle-slash"), h("p", null, `The run was stopped before it proposed anything.${goneWords(run)} Your code is as it was.`)),
      elsewhere && !isActive(run) && hunks.length === 0 && h("div", { class: "empty small" }, button(`Review the ${elsewhere.open === 1 ? "hunk" : `${elsewhere.open} hunks`} of an earlier request`, () => this.actions.review(elsewhere.run), { icon: "file-diff" })));
  }

  /** @param {Scene} scene @param {HunkView[]} hunks */
  #showHunks(scene, hunks) {
    this.list.hidden = hunks.length === 0;
    const gone = new Set(this.hunks.keys());
    let previous = null;
    for (const hunk of hunks) {
      gone.delete(hunk.n);
      const element = this.#hunkElement(scene, hunk);
      const expected = /** @type {Element | null} */ (previous ? previous.nextElementSibling : this.list.firstElementChild);
      if (expected !== element) this.list.insertBefore(element, expected);
      previous = element;
    }
    for (const n of gone) {
      this.hunks.get(n)?.element.remove();
      this.hunks.delete(n);
    }
  }

  /** @param {Scene} scene @param {HunkView} hunk @returns {HTMLLIElement} */
  #hunkElement(scene, hunk) {
    const status = scene.proposal ? hunk.status ?? "open" : "provisional";
    const selected = this.selectedHunk === hunk.n;
    const busy = scene.busy.has(hunk.n) || scene.busy.has("all");
    const drawn = JSON.stringify([hunk.text, hunk.header, status, hunk.reason, hunk.decided_by?.name, scene.canDecide, busy, scene.language, this.reasonFor === hunk.n]);
    let entry = this.hunks.get(hunk.n);
    if (!entry) {
      const element = h("li", { class: "hunk", tabindex: "-1", data: { n: String(hunk.n) }, on: { focusin: () => this.select(hunk.n, false) } });
      entry = { element, drawn: "" };
      this.hunks.set(hunk.n, entry);
    }
    entry.element.classList.toggle("selected", selected);
    if (entry.drawn !== drawn) {
      const keepFocus = entry.element.contains(document.activeElement);
      entry.drawn = drawn;
      entry.element.dataset.status = status;
      entry.element.setAttribute("aria-label", `Hunk ${hunk.n}, ${HUNK_STATES[status].text}`);
      this.#drawHunk(entry.element, scene, hunk, status, busy);
      if (keepFocus && !entry.element.contains(document.activeElement)) entry.element.focus({ preventScroll: true });
    }
    return entry.element;
  }

  /** @param {HTMLElement} element @param {Scene} scene @param {HunkView} hunk @param {string} status @param {boolean} busy */
  #drawHunk(element, scene, hunk, status, busy) {
    const state = HUNK_STATES[status];
    const canDecide = scene.canDecide && status === "open";
    const warnings = hunk.warnings ?? [];
    const added = (hunk.text.match(/^\+/gm) ?? []).length;
    const removed = (hunk.text.match(/^-/gm) ?? []).length;
    fill(element,
      h("div", { class: "hunk-head" },
        h("span", { class: `tag ${state.tone}` }, icon(state.icon, status === "provisional" ? "spin" : ""), state.text),
        h("span", { class: "hunk-place" }, `Line ${hunk.old_start || hunk.new_start}`, " ",
          h("span", { class: "plus" }, `+${added}`), " ", h("span", { class: "minus" }, `−${removed}`)),
        hunk.decided_by && h("span", { class: "note" }, `by ${hunk.decided_by.name}`),
        h("span", { class: "hunk-buttons" },
          canDecide && button("Reason…", () => this.askReason(hunk.n), { class: "small quiet", disabled: busy, title: "Reject with a reason (Shift-R)", "aria-label": "Reject with a reason" }),
          canDecide && button("Reject", () => this.actions.decide(hunk.n, "reject"), { icon: "x", class: "small", disabled: busy, title: "Reject (r)" }),
          canDecide && button("Accept", () => this.actions.decide(hunk.n, "accept"), { icon: "check", class: `small ${warnings.length ? "" : "primary"}`, disabled: busy, title: "Accept (a)" }))),
      hunk.reason && h("p", { class: "hunk-reason" }, status === "conflicted" ? "No longer fits: " : "Reason: ", hunk.reason),
      status === "conflicted" && !hunk.reason && h("p", { class: "hunk-reason" }, "No longer fits: the text it would change was edited meanwhile. Nothing was overwritten."),
      warnings.length > 0 && h("ul", { class: "hunk-warnings", "aria-label": "Warnings" }, warnings.map((warning) => h("li", null, icon("triangle-alert"), h("span", null, `${sentence(warning)}.`)))),
      hunkTable(hunk, scene.language),
      canDecide && this.reasonFor === hunk.n && this.#reasonForm(hunk.n));
  }

  /** @param {number} n */
  #reasonForm(n) {
    const input = h("input", { class: "input", type: "text", maxlength: "1000", placeholder: "Why not? The next request is told.", "aria-label": "Reason, which the next request is told" });
    const form = h("form", { class: "hunk-foot row" }, input, h("button", { class: "button small", type: "submit" }, "Reject"),
      button("Cancel", () => this.askReason(null), { class: "quiet small" }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.reasonFor = null;
      this.actions.decide(n, "reject", input.value.trim());
    });
    queueMicrotask(() => input.focus());
    return form;
  }

  /** @param {number | null} n */
  askReason(n) {
    this.reasonFor = n;
    if (this.scene) this.show(this.scene);
  }

  /** @param {number} n @param {boolean} [move] whether to bring it into view and focus it */
  select(n, move = true) {
    const changed = this.selectedHunk !== n;
    this.selectedHunk = n;
    for (const [number, { element }] of this.hunks) element.classList.toggle("selected", number === n);
    if (move) {
      const element = this.hunks.get(n)?.element;
      element?.scrollIntoView({ block: "nearest" });
      element?.focus({ preventScroll: true });
    }
    if (changed) this.actions.selected(n);
  }

  /** Selects the next or the previous hunk. @param {1 | -1} step */
  move(step) {
    const numbers = [...this.list.children].map((element) => Number(/** @type {HTMLElement} */ (element).dataset.n));
    if (!numbers.length) return false;
    const at = this.selectedHunk === null ? -1 : numbers.indexOf(this.selectedHunk);
    const next = at < 0 ? (step > 0 ? 0 : numbers.length - 1) : Math.min(numbers.length - 1, Math.max(0, at + step));
    this.select(numbers[next]);
    return true;
  }

  /** Selects the next hunk that is open, when this one is being decided. @param {number} decided */
  moveToOpen(decided) {
    const open = [...this.list.children]
      .map((element) => /** @type {HTMLElement} */ (element))
      .filter((element) => element.dataset.status === "open" && !this.scene?.busy.has(Number(element.dataset.n)))
      .map((element) => Number(element.dataset.n));
    const next = open.find((n) => n > decided) ?? open.find((n) => n !== decided);
    if (next !== undefined) this.select(next);
  }

  /** The selected hunk when it can be decided, else null. @returns {number | null} */
  get decidable() {
    const hunk = this.scene?.proposal?.hunks.find((/** @type {HunkView} */ each) => each.n === this.selectedHunk);
    return this.scene?.canDecide && hunk?.status === "open" && !this.scene.busy.has(hunk.n) ? hunk.n : null;
  }
}
