// @ts-check
/** Times and durations as people read them. */

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

/** @param {Date | string | number} at */
export const clock = (at) => CLOCK.format(new Date(at));

/** @param {Date | string | number} at */
export const full = (at) => FULL.format(new Date(at));

/**
 * "3 minutes ago", "in 2 days".
 * @param {Date | string | number} at
 * @param {number} [now]
 */
export function relative(at, now = Date.now()) {
  const delta = new Date(at).getTime() - now;
  for (const [unit, size] of UNITS) {
    if (Math.abs(delta) >= size) return RELATIVE.format(Math.trunc(delta / size), unit);
  }
  return delta > 0 ? "in less than a minute" : "just now";
}

/**
 * "2 d 4 h", "58 min": how long something still lasts.
 * @param {number} ms
 */
export function remaining(ms) {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 && hours < 6 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 && days < 3 ? `${days} d ${hours % 24} h` : `${days} d`;
}

/**
 * "0:42", "12:05", and from an hour on as remaining() says it: what is looked at while it runs out.
 * @param {number} ms
 */
export function countdown(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return seconds < 3600 ? `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : remaining(ms);
}

/**
 * "840 ms", "3.2 s", "1 min 04 s".
 * @param {number} ms
 */
export function duration(ms) {
  if (ms < 1) return "< 1 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** Fills every <time data-relative>; called again each half minute. @param {ParentNode} root */
export function refreshTimes(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = element.getAttribute("datetime") ?? "";
    if (element.hasAttribute("data-relative")) element.textContent = relative(at);
    if (element.hasAttribute("data-remaining")) element.textContent = remaining(new Date(at).getTime() - Date.now());
    element.setAttribute("title", full(at));
  }
}
