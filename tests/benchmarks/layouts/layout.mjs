// Lays a graph out with a library, some times, and prints the median of the times and the last drawing as JSON.
// Usage: node layout.mjs dagre|elkjs ROUNDS < graph.json

import { readFileSync } from "node:fs";
import dagre from "@dagrejs/dagre";
import ELK from "elkjs/lib/elk.bundled.js";

const [library, rounds] = [process.argv[2], Number(process.argv[3])];
const { nodes, edges } = JSON.parse(readFileSync(0, "utf8"));

function withDagre() {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "LR" });
  for (const { id, width, height } of nodes) graph.setNode(id, { width, height });
  for (const [at, [from, to]] of edges.entries()) graph.setEdge(from, to, {}, String(at));
  dagre.layout(graph);
  return graph.edges().map((edge) => graph.edge(edge).points.map(({ x, y }) => [x, y]));
}

const elk = new ELK();

async function withElk() {
  const drawn = await elk.layout({
    id: "root", layoutOptions: { "elk.algorithm": "layered", "elk.direction": "RIGHT", "elk.edgeRouting": "POLYLINE" },
    children: nodes.map(({ id, width, height }) => ({ id, width, height })),
    edges: edges.map(([from, to], at) => ({ id: String(at), sources: [from], targets: [to] })),
  });
  return drawn.edges.map(({ sections: [{ startPoint, bendPoints = [], endPoint }] }) => [startPoint, ...bendPoints, endPoint].map(({ x, y }) => [x, y]));
}

const lay = library === "dagre" ? withDagre : withElk;
let drawn = await lay();
const times = [];
for (let round = 0; round < rounds; round += 1) {
  const begin = performance.now();
  drawn = await lay();
  times.push(performance.now() - begin);
}
times.sort((one, other) => one - other);
console.log(JSON.stringify({ time: times[Math.floor(rounds / 2)], edges: drawn }));
