// @ts-check
/** REST calls: JSON in and out, and every failure as one kind of error that says what it was. */

/**
 * @typedef {{type?: string, title?: string, status?: number, detail?: string, code?: string, request_id?: string,
 *   errors?: {pointer: string, code: string, message: string}[]}} Problem
 * @typedef {"network" | "signed-out" | "not-allowed" | "gone" | "conflict" | "too-large" | "invalid" | "too-fast" | "full" | "server"} Kind
 */

/** @type {Record<number, Kind>} */
const KINDS = { 401: "signed-out", 403: "not-allowed", 404: "gone", 410: "gone", 409: "conflict", 413: "too-large", 429: "too-fast" };

/** Statuses that mean several things, by what they mean here. @type {Record<string, Kind>} */
const KINDS_OF_CODES = { quota_exceeded: "full" };

/** How long a call waits by itself to be let in; for longer, the person decides. */
const WAITS_S = 10;
const TRIES = 3;

/** @type {Record<Kind, string>} */
const TITLES = {
  network: "The server cannot be reached",
  "signed-out": "You are signed out",
  "not-allowed": "That is not allowed",
  gone: "That is no longer here",
  conflict: "That no longer fits",
  "too-large": "That is too large",
  invalid: "That cannot be used as it is",
  "too-fast": "Too many requests",
  full: "There is no room for more",
  server: "The server failed",
};

/** Raised when a call got no answer, or one that says it did not work. */
export class ApiError extends Error {
  /**
   * @param {Kind} kind
   * @param {Problem} problem
   * @param {{requestId?: string, retryAfter?: number, call: string}} more
   */
  constructor(kind, problem, { requestId = "", retryAfter = 0, call }) {
    super(problem.detail || problem.title || TITLES[kind]);
    this.name = "ApiError";
    this.kind = kind;
    this.title = problem.title || TITLES[kind];
    this.code = problem.code ?? kind;
    this.problem = problem;
    this.requestId = problem.request_id ?? requestId;
    /** Seconds that the server asks us to wait. */
    this.retryAfter = retryAfter;
    this.call = call;
  }

  /** Whether the same call may work later, unchanged. */
  get passes() {
    return this.kind === "network" || this.kind === "server" || this.kind === "too-fast";
  }

  /** What to paste into a report. */
  get details() {
    return [this.call, `code: ${this.code}`, this.requestId && `request: ${this.requestId}`, this.message]
      .filter(Boolean)
      .join("\n");
  }
}

/** @param {string} name */
function cookie(name) {
  const entry = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return entry ? decodeURIComponent(entry.slice(name.length + 1)) : "";
}

const csrfToken = () =>
  cookie("csrftoken") || (document.querySelector('meta[name="csrf-token"]')?.getAttribute("content") ?? "");

/** @param {number} ms @param {AbortSignal} [signal] */
const pause = (ms, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, ms);
  signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
});

/**
 * @typedef {{body?: unknown, signal?: AbortSignal, idempotencyKey?: string, keepalive?: boolean, asText?: boolean}} CallOptions `asText`: the answer is no JSON
 *
 * What came too fast was not done at all, so it is tried again when the server says, if that is soon.
 * @param {string} method
 * @param {string} path
 * @param {CallOptions} [options]
 * @returns {Promise<any>} the answer's JSON, null when there is none
 */
export async function call(method, path, options = {}) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await callOnce(method, path, options);
    } catch (error) {
      const wait = error instanceof ApiError && error.kind === "too-fast" ? error.retryAfter : 0;
      if (!wait || wait > WAITS_S || tries >= TRIES) throw error;
      await pause(wait * 1000 + Math.random() * 500, options.signal);
    }
  }
}

/** @param {string} method @param {string} path @param {CallOptions} options */
async function callOnce(method, path, { body, signal, idempotencyKey, keepalive, asText }) {
  const headers = new Headers({ Accept: "application/json" });
  if (body !== undefined) headers.set("Content-Type", "application/json");
  if (idempotencyKey) headers.set("Idempotency-Key", idempotencyKey);
  if (method !== "GET") headers.set("X-CSRFToken", csrfToken());
  const name = `${method} ${path}`;
  /** @type {Response} */
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      keepalive,
      credentials: "same-origin",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("network", { detail: "No answer came. What you wrote is kept here." }, { call: name });
  }
  const text = await response.text();
  if (response.ok && asText) return text;
  /** @type {any} */
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    answer = null;
  }
  if (response.ok) return answer;
  const kind = KINDS_OF_CODES[answer?.code] ?? KINDS[response.status] ?? (response.status >= 500 ? "server" : "invalid");
  throw new ApiError(kind, answer && typeof answer === "object" ? answer : {}, {
    call: name,
    requestId: response.headers.get("X-Request-ID") ?? "",
    retryAfter: Number(response.headers.get("Retry-After")) || 0,
  });
}

/** @param {string} path @param {{signal?: AbortSignal}} [options] */
export const get = (path, options) => call("GET", path, options);

/** A file's text, as it is. @param {string} path @returns {Promise<string>} */
export const getText = (path) => call("GET", path, { asText: true });

/** @param {string} path @param {unknown} [body] @param {{idempotencyKey?: string}} [options] */
export const post = (path, body = {}, options = {}) => call("POST", path, { ...options, body });

/**
 * Every row of a cursor-paginated list, up to a bound.
 * @param {string} path
 * @param {number} [most]
 * @returns {Promise<any[]>}
 */
export async function list(path, most = 500) {
  const rows = [];
  /** @type {string | null} */
  let next = path;
  while (next && rows.length < most) {
    const page = await get(next);
    rows.push(...page.results);
    next = page.next ? new URL(page.next, location.href).pathname + new URL(page.next, location.href).search : null;
  }
  return rows;
}
