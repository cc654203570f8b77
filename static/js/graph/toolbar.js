// @ts-check
/** The bar over the canvas: add, undo, tidy, zoom, search, export. */

import { button, fill, h, icon } from "../ui/dom.js";
import { shownTheme } from "../ui/theme.js";

const FORMS = [["svg", "SVG"], ["png", "PNG"], ["mermaid", "Mermaid"], ["json", "JSON"], ["python", "Python module"], ["langgraph", "LangGraph's drawing"], ["files", "Files for git"]];

/**
 * @param {HTMLElement} root
 * @param {{canvas: import("./canvas.js").Canvas, model?: import("./model.js").GraphModel, editable: boolean, commands?: any, exportPath?: string,
 *   search?: (query: string) => void, find?: (key: string) => void}} options
 */
export function buildToolbar(root, { canvas, model, editable, commands, exportPath, search, find }) {
  const { camera } = canvas;
  const small = (/** @type {string} */ label, /** @type {string} */ iconName, /** @type {() => void} */ run) => button(label, run, { icon: iconName, hideLabel: true, class: "quiet square small" });
  const undo = editable && small("Undo", "undo-2", commands.undo);
  const redo = editable && small("Redo", "redo-2", commands.redo);
  const box = model && h("input", {
    class: "input search", type: "search", "aria-label": "Find a node", placeholder: "Find a node", autocomplete: "off",
    on: {
      input: () => search?.(box ? box.value : ""),
      keydown: (/** @type {KeyboardEvent} */ event) => {
        const query = box ? box.value.toLowerCase() : "";
        const hit = event.key === "Enter" && query && model.nodes.find(({ node }) => `${node.node_id} ${node.label ?? ""}`.toLowerCase().includes(query));
        if (hit) find?.(hit.key);
      },
    },
  });
  const exporting = exportPath && h("details", { class: "menu" }, h("summary", { class: "button quiet small" }, icon("download"), h("span", { class: "bar-word" }, "Export")),
    h("div", { class: "menu-items card" }, FORMS.map(([form, label]) =>
      h("a", { class: "button quiet", href: `${exportPath}?as=${form}`, download: "", on: { click: (/** @type {any} */ event) => (event.currentTarget.href = `${exportPath}?as=${form}&theme=${shownTheme()}`) } }, label))));
  fill(root,
    editable && button("Node", () => commands.add(""), { icon: "plus", class: "small", "aria-label": "Add a node" }), undo, redo,
    editable && small("Tidy: draw anew without pins", "wand-sparkles", commands.tidy),
    editable && small("Group nodes into a sub-graph", "network", commands.group),
    editable && button("Redesign", () => commands.redesign(), { icon: "sparkles", class: "quiet small", title: "What could be left out, merged, or run at the same time" }),
    h("span", { class: "spacer" }), box, small("Zoom out", "zoom-out", () => camera.zoom(1 / 1.25)), small("Zoom in", "zoom-in", () => camera.zoom(1.25)), small("Fit the drawing", "maximize", () => camera.fit()), exporting);
  return {
    refresh: () => {
      if (undo) undo.disabled = !model?.history.undoStack.length;
      if (redo) redo.disabled = !model?.history.redoStack.length;
    },
  };
}
