// @ts-check
/** What a run's failure is called, and what to do next: in the words of who asked, not of who set up the models. */

/** @typedef {{title: string, next: string, lasts: boolean}} Failure `lasts`: asking again brings the same */

const OPERATOR = "whoever runs the site";

/** By the error's code. @type {Record<string, {what: string, next: string, lasts?: boolean}>} */
const KNOWN = {
  thinking_limit_reached: {
    what: "the limit was spent on thinking",
    next: `Ask for a smaller change, or tell ${OPERATOR} what is said here.`,
    lasts: true,
  },
  unauthorized: {
    what: "the model's endpoint refuses our account",
    next: `Only ${OPERATOR} can set that right; then Retry.`,
    lasts: true,
  },
  context_too_long: { what: "the text is too long for the model", next: "Ask about a shorter document.", lasts: true },
  endpoint_unavailable: {
    what: "the model's endpoint reported an error",
    next: `If Retry brings the same, tell ${OPERATOR} what is said here.`,
  },
  rate_limited: { what: "the model's endpoint is busy", next: "Wait a little, then Retry." },
  endpoint_loading: { what: "the model's endpoint is not ready", next: "Wait a little, then Retry." },
  endpoint_timeout: { what: "the model's endpoint took too long", next: "Wait a little, then Retry." },
  stream_broken: { what: "the model's answer broke off", next: "Retry asks for it again." },
};

/** @param {any} error a run's @returns {Failure} */
export function failureOf(error) {
  const known = Object.hasOwn(KNOWN, error?.code ?? "") ? KNOWN[error.code] : null;
  return {
    title: known ? `The run failed: ${known.what}` : "The run failed",
    next: known?.next ?? "",
    lasts: known?.lasts ?? false,
  };
}
