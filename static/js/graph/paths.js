// @ts-check
/** Curves through the points of an edge: level and upright parts meet in round corners, slanted ones are a soft S. */

const ROUND = 10;

/** @typedef {[number, number]} Point */

/** A little way from a point towards another that lies level or upright of it. @param {Point} point @param {Point} other @returns {Point} */
function towards(point, other) {
  const [dx, dy] = [other[0] - point[0], other[1] - point[1]];
  const far = Math.max(Math.abs(dx), Math.abs(dy));
  const step = far ? Math.min(ROUND, far / 2) / far : 0;
  return [point[0] + dx * step, point[1] + dy * step];
}

/** @param {Point[]} points @returns {string} what an SVG path takes as d */
export function pathOf(points) {
  const parts = [`M${points[0][0]} ${points[0][1]}`];
  for (let at = 1; at < points.length; at += 1) {
    const [[x1, y1], [x2, y2], next] = [points[at - 1], points[at], points[at + 1]];
    if (x1 !== x2 && y1 !== y2) {
      const bow = (x2 - x1) / 2;
      parts.push(`C${x1 + bow} ${y1} ${x2 - bow} ${y2} ${x2} ${y2}`);
    } else if (next && (x1 === x2) !== (x2 === next[0]) && (y1 === y2) !== (y2 === next[1])) {
      const [into, out] = [towards(points[at], points[at - 1]), towards(points[at], next)];
      parts.push(`L${into[0]} ${into[1]}Q${x2} ${y2} ${out[0]} ${out[1]}`);
    } else parts.push(`L${x2} ${y2}`);
  }
  return parts.join("");
}

/** While a node is dragged: from its right side to its neighbour's left. @param {any} start @param {any} end @returns {Point[]} */
export function straight(start, end) {
  return [[start.x + start.width, start.y + start.height / 2], [end.x, end.y + end.height / 2]];
}
