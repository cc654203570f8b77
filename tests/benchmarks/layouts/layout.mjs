// Lays a graph out with a library, some times, and prints the median of the times and the last drawing as JSON.
// Usage: node layout.mjs dagre|elkjs|dot|dot-wasm ROUNDS < graph.json
// dot is the program of this machine, its start included; dot-wasm is the same one compiled to WebAssembly.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import dagre from "@dagrejs/dagre";
import { Graphviz } from "@hpcc-js/wasm-graphviz";
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

const INCH = 72;
const PIECES = 8;

function dotSource() {
  const boxes = nodes.map(({ id, width, height }) => `"${id}" [width=${width / INCH}, height=${height / INCH}]`);
  const arrows = edges.map(([from, to]) => `"${from}" -> "${to}"`);
  return `digraph { rankdir=LR; node [shape=box, fixedsize=true, label=""]; ${[...boxes, ...arrows].join("; ")} }`;
}

// A cubic curve as straight pieces: what crosses is what people see, not the points that bend it.
function flat(points) {
  const found = [points[0]];
  for (let at = 0; at + 3 < points.length; at += 3) {
    for (let piece = 1; piece <= PIECES; piece += 1) {
      const t = piece / PIECES;
      const weights = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t ** 3];
      found.push([0, 1].map((axis) => weights.reduce((sum, weight, n) => sum + weight * points[at + n][axis], 0)));
    }
  }
  return found;
}

function edgesOfPlain(plain) {
  return plain.split("\n").filter((line) => line.startsWith("edge ")).map((line) => {
    const words = line.split(" ");
    return flat(Array.from({ length: Number(words[3]) }, (_, n) => [Number(words[4 + 2 * n]), Number(words[5 + 2 * n])]));
  });
}

const graphviz = library === "dot-wasm" ? await Graphviz.load() : null;
const withDot = () => edgesOfPlain(execFileSync("dot", ["-Tplain"], { input: dotSource(), encoding: "utf8", maxBuffer: 1e8 }));
const withDotInWasm = () => edgesOfPlain(graphviz.layout(dotSource(), "plain", "dot"));

const lay = { dagre: withDagre, elkjs: withElk, dot: withDot, "dot-wasm": withDotInWasm }[library];
let drawn = await lay();
const times = [];
for (let round = 0; round < rounds; round += 1) {
  const begin = performance.now();
  drawn = await lay();
  times.push(performance.now() - begin);
}
times.sort((one, other) => one - other);
console.log(JSON.stringify({ time: times[Math.floor(rounds / 2)], edges: drawn }));
