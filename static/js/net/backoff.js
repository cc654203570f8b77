// @ts-check
/** How long to wait before trying again: exponential, with full jitter, bounded. */

/** The close code of a socket that was opened too often, or said too much: it comes back later than others. */
export const TOO_FAST = 4429;
/** As how many failures that counts at least. */
export const TOO_FAST_FAILURES = 6;

/**
 * @param {number} failures how many tries have failed, from 1
 * @param {{first?: number, most?: number, random?: () => number}} [options]
 * @returns {number} milliseconds
 */
export function backoff(failures, { first = 500, most = 15_000, random = Math.random } = {}) {
  const ceiling = Math.min(most, first * 2 ** Math.min(failures - 1, 10));
  return ceiling / 4 + random() * ceiling * 0.75;
}
