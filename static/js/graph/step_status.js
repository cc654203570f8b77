// @ts-check
/** How a step of a run is shown: what its run's end stopped did not fail by itself, and nothing goes on in a run that is over. */

const STOPPED = "node_cancelled";
export const OVER = ["completed", "failed", "cancelled"];

/** @param {{status: string, error_code?: string | null}} step @param {string} runStatus @returns {string} */
export function shownStatus({ status, error_code }, runStatus) {
  if (status === "started") return OVER.includes(runStatus) ? "stopped" : status;
  return status === "failed" && error_code === STOPPED ? "stopped" : status;
}
