// @ts-check
/** Two definitions in one drawing: what was added, removed, changed and moved, in colour and in words. */

/** @typedef {{nodes: Map<string, string>, edges: Map<string, string>}} Marks what each node is, by its id, and each edge */

/** @type {Record<string, string>} */
export const MARKS = { added: "+ added", removed: "− removed", changed: "± changed", moved: "moved" };
/** @type {Record<string, string>} */
export const TONES = { added: "good", removed: "bad", changed: "warn", moved: "" };

/** @param {any} found a comparison, as the server answers it @returns {Marks} */
export function marksOf(found) {
  /** @type {Map<string, string>} */
  const nodes = new Map();
  for (const id of found.nodes_moved) nodes.set(id, "moved");
  for (const { node_id } of found.nodes_changed) nodes.set(node_id, "changed");
  for (const id of found.nodes_added) nodes.set(id, "added");
  for (const id of found.nodes_removed) nodes.set(id, "removed");
  /** @type {Map<string, string>} */
  const edges = new Map();
  for (const [state, list] of [["changed", found.edges_changed], ["added", found.edges_added], ["removed", found.edges_removed]])
    for (const edge of list) edges.set(edgeKey(edge), state);
  return { nodes, edges };
}

/** @param {any} edge */
export const edgeKey = ({ from_node, to_node, condition }) => `${from_node}\n${to_node}\n${condition ?? ""}`;

/** @param {import("./canvas.js").Canvas} canvas @param {any} found @param {Marks} marks */
export function drawBoth(canvas, found, { nodes, edges }) {
  const { definition, layout } = found;
  canvas.show(
    definition.nodes.map((/** @type {any} */ node) => ({ key: node.node_id, node_id: node.node_id, label: node.label || node.node_id, tool: node.tool, entry: node.node_id === definition.entry_node, diff: nodes.get(node.node_id), detail: MARKS[nodes.get(node.node_id) ?? ""] })),
    layout.edges.map((/** @type {any} */ edge, /** @type {number} */ at) => ({ key: `${at}`, from: edge.from_node, to: edge.to_node, type: edge.type, label: edge.label, state: edges.get(edgeKey({ ...edge, condition: definition.edges[at]?.condition })) })),
    layout,
  );
}
