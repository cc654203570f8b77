// @ts-check
/** Groups nodes into a graph of their own, and takes such a node apart: the same for canvas, outline, details and palette. */

import { post } from "../net/api.js";
import { announce, toast } from "../ui/notices.js";
import { asked } from "./dialogs.js";

/**
 * @param {{model: import("./model.js").GraphModel, selected: () => string[], nameOf: (key: string) => string, choose: (keys: string[]) => void,
 *   failed: (what: string, error: unknown) => void}} options
 */
export function grouping({ model, selected, nameOf, choose, failed }) {
  /** @param {string} nodeId */
  const chooseId = (nodeId) => choose([model.keyOf(nodeId) ?? ""].filter(Boolean));
  return {
    async group() {
      const nodes = selected().filter((key) => model.nodeOf(key)).map((key) => model.nodeOf(key)?.node.node_id);
      const answer = await asked({
        title: "Group into a sub-graph", confirm: "Group", words: "The nodes become a graph of their own, which one node runs in their place. One way must lead in, and one out.",
        fields: [
          { name: "name", label: "Name of the sub-graph", value: `${model.name || "Graph"} part`, required: true },
          { name: "nodes", label: "Nodes", kind: "many", choices: model.nodes.map(({ key, node }) => [node.node_id, nameOf(key)]), value: JSON.stringify(nodes) },
        ],
      });
      if (!answer) return;
      try {
        const made = await post("/v1/graphs/group", { definition: model.definition(), nodes: JSON.parse(answer.nodes), name: answer.name.trim() });
        const known = new Set(model.nodes.map(({ node }) => node.node_id));
        model.become(made.definition);
        chooseId(made.definition.nodes.find((/** @type {any} */ node) => !known.has(node.node_id))?.node_id);
        toast(`Grouped into ${made.graph}`);
        announce("Grouped. Undo with Control Z.");
      } catch (error) {
        failed("The nodes were not grouped", error);
      }
    },
    async ungroup(/** @type {string} */ key) {
      const node = model.nodeOf(key)?.node;
      if (!node) return;
      try {
        const made = await post("/v1/graphs/ungroup", { definition: model.definition(), node: node.node_id });
        model.become(made.definition);
        choose([]);
        announce(`${node.node_id} taken apart. Undo with Control Z.`);
      } catch (error) {
        failed("The node was not taken apart", error);
      }
    },
  };
}
