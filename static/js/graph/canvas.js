// @ts-check
/**
 * The drawing of a graph, as SVG in the page: every node can be focused, named and styled. It shows what it is given and tells
 * what people do with it (select, move, connect, delete); it changes nothing itself.
 *
 * One stop of Tab: arrows go to the nearest node that way, Enter opens it, Alt and arrows move it, Delete removes it.
 */

import { icon } from "../ui/dom.js";
import { Camera } from "./camera.js";
import { pathOf, straight } from "./paths.js";
import { plain } from "../ui/invisible_characters.js";

/**
 * @typedef {{key: string, node_id: string, label: string, tool: string, entry?: boolean, pinned?: boolean, problems?: number,
 *   status?: string, detail?: string, diff?: string, people?: {name: string, color: string}[]}} ShownNode
 * @typedef {{key: string, from: string, to: string, type: string, label: string | null, state?: string, count?: string}} ShownEdge
 * @typedef {{nodes: any[], edges: any[]}} Layout
 * @typedef {{select?: (keys: string[], kind: "node" | "edge" | null) => void, open?: (key: string) => void,
 *   move?: (places: Map<string, [number, number]>) => void, connect?: (from: string, to: string) => void,
 *   remove?: (keys: string[]) => void}} Actions
 */

const GRID = 4;
const STEP = 20;
const SUB_GRAPHS = ["graph", "map"];
const SPACE = "http://www.w3.org/2000/svg";
/** @type {Record<string, string>} */
const STATUS_ICONS = { started: "loader-circle", completed: "circle-check", failed: "circle-x", skipped: "skip-forward", waiting: "hourglass", retried: "repeat", stopped: "circle-slash" };

/** @param {string} tag @param {Record<string, any>} [attributes] @param {...(Node | string)} children @returns {any} */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined && value !== false) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

export class Canvas {
  /** @param {HTMLElement} root @param {{editable?: boolean, whole?: boolean, label: string} & Actions} options */
  constructor(root, { editable = false, whole = false, label, ...actions }) {
    this.root = root;
    this.editable = editable;
    this.actions = actions;
    /** @type {Map<string, any>} where each node stands, by key */
    this.places = new Map();
    /** @type {Map<string, any>} */
    this.nodeElements = new Map();
    /** @type {Map<string, any>} */
    this.edgeElements = new Map();
    /** @type {ShownNode[]} */
    this.nodes = [];
    /** @type {ShownEdge[]} */
    this.edges = [];
    /** @type {Set<string>} */
    this.selected = new Set();
    this.current = "";
    this.edgeLayer = s("g", { class: "edges" });
    this.nodeLayer = s("g", { class: "nodes" });
    this.rubber = s("path", { class: "rubber", hidden: true });
    this.viewport = s("g", {}, this.edgeLayer, this.rubber, this.nodeLayer);
    this.svg = s("svg", { class: "drawing", role: "group", "aria-label": plain(label) }, s("defs", {}, head("head"), head("head-taken"), head("head-bad")), this.viewport);
    root.replaceChildren(this.svg);
    this.camera = new Camera(this.svg, this.viewport, root, whole);
    this.#listen();
  }

  /** @param {ShownNode[]} nodes @param {ShownEdge[]} edges in the order of the layout's @param {Layout} layout */
  show(nodes, edges, layout) {
    this.nodes = nodes;
    this.edges = edges;
    const placed = new Map(layout.nodes.map((one) => [one.node_id, one]));
    const fresh = new Map();
    for (const node of nodes) {
      const place = placed.get(node.node_id);
      if (place && !fresh.has(node.key)) fresh.set(node.key, place);
    }
    this.places = fresh;
    sync(this.nodeLayer, this.nodeElements, nodes.filter((node) => fresh.has(node.key)), (node) => node.key, (node, old) => this.#node(node, old));
    /** @type {Map<string, any[]>} */
    const routes = new Map();
    for (const edge of layout.edges) {
      const ends = `${edge.from_node}\n${edge.to_node}`;
      routes.set(ends, [...(routes.get(ends) ?? []), edge]);
    }
    const ids = new Map(nodes.map((node) => [node.key, node.node_id]));
    const drawn = edges.map((edge) => ({ edge, route: routes.get(`${ids.get(edge.from)}\n${ids.get(edge.to)}`)?.shift() }));
    const shown = drawn.filter(({ edge }) => fresh.has(edge.from) && fresh.has(edge.to));
    sync(this.edgeLayer, this.edgeElements, shown, ({ edge }) => edge.key, ({ edge, route }, old) => this.#edge(edge, route, old));
    if (!this.places.has(this.current)) this.current = nodes.find((node) => node.entry)?.key ?? nodes[0]?.key ?? "";
    this.#mark();
    this.camera.setContent([...fresh.values()], fresh.get(nodes.find((node) => node.entry)?.key ?? "") ?? fresh.values().next().value);
  }

  /** @param {ShownNode} node @param {any} old */
  #node(node, old) {
    const place = this.places.get(node.key);
    const width = place.width;
    const words = [node.label, `tool ${node.tool}`, node.entry && "entry", node.pinned && "pinned", node.status, node.detail, node.diff,
      ...(node.people ?? []).map((person) => `${person.name} is here`), node.problems && `${node.problems} problem${node.problems > 1 ? "s" : ""}`].filter(Boolean).join(", ");
    const shown = JSON.stringify([node, place.width, place.height, this.editable]);
    const element = old ?? s("g", { class: "node", role: "button", "data-key": node.key });
    // A transform of the style sheet's kind, so that it can be animated.
    element.style.transform = `translate(${place.x}px, ${place.y}px)`;
    if (element.dataset.shown === shown) return element;
    element.dataset.shown = shown;
    element.setAttribute("aria-label", plain(words));
    for (const [name, value] of Object.entries({ entry: node.entry, status: node.status, diff: node.diff, faulty: Boolean(node.problems) })) {
      if (value) element.dataset[name] = String(value);
      else delete element.dataset[name];
    }
    element.dataset.nodeId = node.node_id;
    const status = node.status && STATUS_ICONS[node.status] ? icon(STATUS_ICONS[node.status], node.status === "started" ? "spin" : "") : node.problems ? icon("triangle-alert") : null;
    for (const [name, value] of Object.entries({ x: width - 26, y: 8, width: 16, height: 16 })) status?.setAttribute(name, String(value));
    element.replaceChildren(
      s("rect", { class: "box", width, height: place.height, rx: 9 }),
      ...(SUB_GRAPHS.includes(node.tool) ? [s("rect", { class: "inner", x: 4, y: 4, width: width - 8, height: place.height - 8, rx: 6 })] : []),
      s("text", { class: "name", x: 14, y: 24 }, fitted(node.label, width - (status ? 44 : 28), 7.4)),
      s("text", { class: "name-far", x: 10, y: place.height / 2 + 8 }, fitted(node.label, width - (status ? 36 : 16), 13.6)),
      s("text", { class: "tool", x: 14, y: 42 }, fitted(node.detail || node.tool, width - 28, 6.2)),
      ...(status ? [status] : []),
      ...(node.people ?? []).map(({ color }, at) => s("circle", { class: "person", cx: 12 + at * 12, cy: 0, r: 6, fill: color })),
      ...(this.editable ? [s("circle", { class: "port", cx: width, cy: place.height / 2, r: 7 })] : []),
    );
    return element;
  }

  /** @param {ShownEdge} edge @param {any} route @param {any} old */
  #edge(edge, route, old) {
    const points = route?.points ?? straight(this.places.get(edge.from), this.places.get(edge.to));
    const [x, y] = route?.label_at ?? [(points[0][0] + points.at(-1)[0]) / 2, (points[0][1] + points.at(-1)[1]) / 2];
    const words = [edge.label, edge.count].filter(Boolean).join(" · ");
    const shown = JSON.stringify([edge, points, words]);
    const element = old ?? s("g", { class: "edge", "data-key": edge.key });
    if (element.dataset.shown === shown) return element;
    element.dataset.shown = shown;
    element.dataset.type = edge.type;
    if (edge.state) element.dataset.state = edge.state;
    else delete element.dataset.state;
    const d = pathOf(points);
    const width = Math.min(200, words.length * 6.3 + 14);
    const end = edge.state === "taken" ? "head-taken" : edge.type === "fallback" ? "head-bad" : "head";
    element.replaceChildren(
      s("path", { class: "reach", d }),
      s("path", { class: "line", d, "marker-end": `url(#${end})` }),
      ...(words ? [s("rect", { class: "plate", x: x - width / 2, y: y - 10, width, height: 20, rx: 4 }), s("text", { class: "label", x, y: y + 4 }, fitted(words, 190, 6.2))] : []),
    );
    return element;
  }

  #mark() {
    for (const [key, element] of [...this.nodeElements, ...this.edgeElements]) element.classList.toggle("selected", this.selected.has(key));
    for (const [key, element] of this.nodeElements) {
      element.setAttribute("tabindex", key === this.current ? "0" : "-1");
      element.setAttribute("aria-pressed", String(this.selected.has(key)));
    }
  }

  /** @param {string[]} keys @param {{reveal?: boolean, focus?: boolean}} [how] */
  select(keys, { reveal = false, focus = false } = {}) {
    this.selected = new Set(keys);
    const node = keys.find((key) => this.nodeElements.has(key));
    if (node) this.current = node;
    this.#mark();
    if (reveal && node) this.camera.reveal(this.places.get(node));
    if (focus && node) this.nodeElements.get(node)?.focus({ preventScroll: true });
  }

  /** @param {string[]} keys @param {"node" | "edge" | null} kind */
  #choose(keys, kind) {
    this.select(keys);
    this.actions.select?.(keys, kind);
  }

  // What people do

  #listen() {
    this.svg.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.#press(event));
    this.svg.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(event));
    this.svg.addEventListener("focusin", (/** @type {FocusEvent} */ event) => {
      const key = keyOf(event.target, ".node");
      if (key) (this.current = key), this.#mark(), this.camera.reveal(this.places.get(key));
    });
    this.svg.addEventListener("dblclick", (/** @type {MouseEvent} */ event) => {
      const key = keyOf(event.target, ".node, .edge");
      if (key) this.actions.open?.(key);
    });
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (event.button > 1) return;
    const node = keyOf(event.target, ".node");
    const edge = keyOf(event.target, ".edge");
    const onPort = event.target instanceof Element && event.target.classList.contains("port");
    if (node && onPort && event.button === 0) return this.#dragEdge(event, node);
    if (node && event.button === 0) return this.#dragNodes(event, node);
    if (edge && event.button === 0) return this.#choose([edge], "edge");
    this.camera.drag(event, () => this.#choose([], null));
  }

  /** @param {PointerEvent} event @param {string} key */
  #dragNodes(event, key) {
    const many = event.shiftKey || event.ctrlKey || event.metaKey;
    const keys = many ? [...this.selected].filter((one) => this.places.has(one)) : this.selected.has(key) ? [...this.selected] : [];
    const chosen = many && this.selected.has(key) ? keys.filter((one) => one !== key) : [...new Set([...keys, key])];
    if (!this.selected.has(key) || many) this.#choose(chosen, "node");
    if (!this.editable) return;
    const from = this.camera.point(event);
    const starts = new Map(chosen.filter((one) => this.places.has(one)).map((one) => [one, this.places.get(one)]));
    let moved = false;
    follow(this.svg, event, (at) => {
      const to = this.camera.point(at);
      const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
      moved ||= Math.hypot(dx, dy) * this.camera.scale > 4;
      if (moved) this.#shift(starts, dx, dy);
    }, () => {
      if (!moved) return this.#choose(chosen, "node");
      this.actions.move?.(new Map([...starts.keys()].map((one) => [one, [this.places.get(one).x, this.places.get(one).y]])));
    });
  }

  /** @param {Map<string, any>} starts @param {number} dx @param {number} dy */
  #shift(starts, dx, dy) {
    for (const [key, start] of starts) {
      const place = { ...start, x: Math.round((start.x + dx) / GRID) * GRID, y: Math.round((start.y + dy) / GRID) * GRID };
      this.places.set(key, place);
      const element = this.nodeElements.get(key);
      element.classList.add("held");
      element.style.transform = `translate(${place.x}px, ${place.y}px)`;
    }
    for (const edge of this.edges) {
      if (starts.has(edge.from) || starts.has(edge.to)) this.#edge(edge, null, this.edgeElements.get(edge.key));
    }
  }

  /** @param {PointerEvent} event @param {string} from */
  #dragEdge(event, from) {
    const start = this.places.get(from);
    this.rubber.removeAttribute("hidden");
    follow(this.svg, event, (at) => {
      const [x, y] = this.camera.point(at);
      this.rubber.setAttribute("d", pathOf([[start.x + start.width, start.y + start.height / 2], [x, y]]));
    }, (at) => {
      this.rubber.setAttribute("hidden", "");
      const to = keyOf(document.elementFromPoint(at.clientX, at.clientY), ".node");
      if (to) this.actions.connect?.(from, to);
    });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const key = keyOf(event.target, ".node");
    /** @type {Record<string, [number, number]>} */
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key];
    if (!key) return;
    if (way && event.altKey && this.editable) {
      const keys = this.selected.has(key) ? [...this.selected].filter((one) => this.places.has(one)) : [key];
      this.actions.move?.(new Map(keys.map((one) => [one, [this.places.get(one).x + way[0] * STEP, this.places.get(one).y + way[1] * STEP]])));
    } else if (way && !event.altKey && !event.ctrlKey && !event.metaKey) {
      const next = this.#nearest(key, way);
      if (next) this.nodeElements.get(next).focus({ preventScroll: true });
    } else if (event.key === "Enter" || event.key === " ") {
      this.#choose([key], "node");
      if (event.key === "Enter") this.actions.open?.(key);
    } else if ((event.key === "Delete" || event.key === "Backspace") && this.editable) {
      this.actions.remove?.(this.selected.has(key) ? [...this.selected] : [key]);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** The node that lies nearest in a direction. @param {string} key @param {[number, number]} way */
  #nearest(key, [dx, dy]) {
    const middle = (/** @type {any} */ box) => [box.x + box.width / 2, box.y + box.height / 2];
    const [x, y] = middle(this.places.get(key));
    let best = null;
    let least = Infinity;
    for (const [other, box] of this.places) {
      const [ox, oy] = middle(box);
      const along = (ox - x) * dx + (oy - y) * dy;
      const aside = Math.abs((ox - x) * dy) + Math.abs((oy - y) * dx);
      if (other !== key && along > 1 && along + 2 * aside < least) (best = other), (least = along + 2 * aside);
    }
    return best;
  }
}

/** @param {EventTarget | null} target @param {string} selector */
function keyOf(target, selector) {
  const element = target instanceof Element ? target.closest(selector) : null;
  return element?.getAttribute("data-key") ?? "";
}

/** @param {string} id */
function head(id) {
  return s("marker", { id, class: id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 10, markerHeight: 10, markerUnits: "userSpaceOnUse", orient: "auto" }, s("path", { d: "M0 .5 8 4 0 7.5Z" }));
}

/** As much of a text as there is room for. @param {string} text @param {number} room @param {number} letter */
function fitted(text, room, letter) {
  const most = Math.max(3, Math.floor(room / letter));
  const shown = plain(text.slice(0, 400));
  return shown.length > most ? `${shown.slice(0, most - 1).trimEnd()}…` : shown;
}

/**
 * Keeps elements for what is still there, makes those that are new, removes the others.
 * @template T
 * @param {Element} layer @param {Map<string, any>} elements @param {T[]} all @param {(one: T) => string} keyFor @param {(one: T, old: any) => Element} draw
 */
function sync(layer, elements, all, keyFor, draw) {
  const keys = new Set(all.map(keyFor));
  for (const [key, element] of elements) if (!keys.has(key)) element.remove(), elements.delete(key);
  for (const one of all) {
    const old = elements.get(keyFor(one));
    const element = draw(one, old);
    element.classList.remove("held");
    if (!old) elements.set(keyFor(one), element), layer.append(element);
  }
}

/** @param {Element} element @param {PointerEvent} event @param {(at: PointerEvent) => void} move @param {(at: PointerEvent) => void} end */
export function follow(element, event, move, end) {
  const stop = new AbortController();
  const done = (/** @type {any} */ at) => (stop.abort(), end(at));
  window.addEventListener("pointermove", move, { signal: stop.signal });
  window.addEventListener("pointerup", done, { signal: stop.signal });
  window.addEventListener("pointercancel", done, { signal: stop.signal });
  event.stopPropagation();
}
