// @ts-check
/** What a step asked models, and what they answered: each call closed until somebody opens it, its texts to be copied. */

import { counted } from "../ui/plurals.js";
import { button, h } from "../ui/dom.js";
import { copy } from "../ui/notices.js";
import { duration } from "../ui/time.js";

/** @typedef {{id: string, endpoint: string, model: string, attempt: number, reason: string, prompt_version: string, outcome: string,
 *   tokens: {prompt: number, completion: number}, tokens_estimated: boolean, cost_usd: string | null, latency_ms: number | null, discarded: number,
 *   prompt: {role: string, content: string}[], reply: string, truncated: boolean, kept: boolean}} ModelCall */

/** @type {Record<string, string>} */
const ROLES = { system: "Prompt sent: system", user: "Prompt sent", assistant: "Prompt sent: what the model had answered" };

/** @param {ModelCall[]} calls */
export function modelCalls(calls) {
  return calls.length > 0 && [h("h4", null, calls.length === 1 ? "Model call" : `Model calls: ${calls.length}`), ...calls.map(one)];
}

/** @param {ModelCall} call @param {number} at */
function one(call, at) {
  const { endpoint, model, outcome, tokens, latency_ms, kept, truncated } = call;
  const words = outcome === "started" ? "under way" : outcome === "completed" ? `${tokens.prompt} in, ${tokens.completion} out` : outcome.replaceAll("_", " ");
  return h("details", { class: "model-call" },
    h("summary", null, h("strong", null, `${at + 1}. ${endpoint}`), h("span", { class: outcome === "completed" || outcome === "started" ? "note" : "field-error" }, [model, words, latency_ms !== null && duration(latency_ms)].filter(Boolean).join(" · "))),
    facts(call),
    !kept && h("p", { class: "note" }, "What was said is not kept."),
    truncated && h("p", { class: "note" }, "Longer than is kept: the end is cut off."),
    call.prompt.map(({ role, content }) => said(ROLES[role] ?? role, content)),
    kept && outcome !== "started" && said("Raw reply", call.reply));
}

/** @param {ModelCall} call */
function facts({ reason, prompt_version, attempt, tokens_estimated, cost_usd, discarded }) {
  const fact = (/** @type {string} */ name, /** @type {string | false} */ value) => value && [h("dt", null, name), h("dd", null, value)];
  return h("dl", { class: "facts" }, fact("Why this one", reason), fact("Prompt", prompt_version), fact("Attempt", attempt > 1 && String(attempt)),
    fact("Cost", cost_usd === null ? "unknown" : `$${cost_usd}`), fact("Tokens", tokens_estimated && "estimated"), fact("Thrown away", discarded > 0 && counted(discarded, "character")));
}

/** @param {string} title @param {string} text */
function said(title, text) {
  return h("section", { class: "said", "aria-label": title },
    h("div", { class: "row between" }, h("h5", null, title), button("Copy", () => copy(text), { icon: "copy", class: "quiet small", disabled: !text, "aria-label": `Copy: ${title}` })),
    h("pre", { class: "value", tabindex: "0" }, text || "nothing"));
}
