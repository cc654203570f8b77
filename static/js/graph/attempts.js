// @ts-check
/** The attempts of a step that was made again: each with what it saw, what came of it, and when. */

import { h } from "../ui/dom.js";
import { duration, full } from "../ui/time.js";

/** @typedef {{type?: string, message: string, code?: string}} Failure */
/** @typedef {{attempt: number, error: Failure | null, started_at: string | null, finished_at: string | null, duration_ms: number | null,
 *   tokens: {prompt: number, completion: number}, cost_usd: string | null, input: any, text: string}} Attempt */

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });

/** @param {any} value */
export const shownValue = (value) => h("pre", { class: "value", tabindex: "0" }, value === null || value === undefined ? "nothing" : JSON.stringify(value, null, 2));

/**
 * All attempts in their order, where there was more than one.
 * @param {any} step with its last attempt, and its `earlier_attempts` @param {string} status of the step, as it is shown
 */
export function attempts(step, status) {
  const earlier = /** @type {Attempt[]} */ (step.earlier_attempts);
  if (!earlier.length) return null;
  // While it waits to be made again, its last attempt is the one that failed.
  const isBegun = earlier.every((one) => one.attempt < step.attempt);
  return [h("h4", null, `Attempts: ${earlier.length + (isBegun ? 1 : 0)}`),
    ...earlier.map((one) => attempt(one, one.error?.code === "attempt_lost" ? "lost" : "failed", null)),
    isBegun && attempt(step, status, step.output)];
}

/** @param {Attempt} one @param {string} status @param {any} output */
function attempt(one, status, output) {
  const { attempt: number, error, started_at, finished_at, duration_ms, tokens, cost_usd } = one;
  const fact = (/** @type {string} */ name, /** @type {any} */ value) => value && [h("dt", null, name), h("dd", null, value)];
  const asked = tokens.prompt + tokens.completion > 0;
  return h("details", { class: "model-call attempt", data: { attempt: String(number) } },
    h("summary", null, h("strong", null, `Attempt ${number}`),
      h("span", { class: error ? "field-error" : "note" }, [status, duration_ms !== null && duration(duration_ms)].filter(Boolean).join(" · "))),
    h("dl", { class: "facts" }, fact("Started", at(started_at)), fact("Ended", at(finished_at)), fact("Took", duration_ms !== null && duration(duration_ms)),
      fact("Tokens", asked && `${tokens.prompt} in, ${tokens.completion} out`), fact("Cost", asked && (cost_usd === null ? "unknown" : `$${cost_usd}`))),
    part("Error", error && h("p", { class: "field-error" }, error.type ? `${error.type}: ${error.message}` : error.message)),
    part("Text", one.text ? h("pre", { class: "value", tabindex: "0" }, one.text) : null),
    part("Input", shownValue(one.input)),
    part("Output", shownValue(output)));
}

/** @param {string} title @param {HTMLElement | null} shown */
const part = (title, shown) => shown && h("div", { class: "said", data: { part: title } }, h("h5", null, title), shown);

/** @param {string | null} time */
const at = (time) => time && h("time", { datetime: time, title: full(time) }, clock.format(new Date(time)));
