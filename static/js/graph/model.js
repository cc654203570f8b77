// @ts-check
/**
 * The graph that is drawn, as a shared document: nodes and edges are maps of maps, so that what two people do at once both
 * counts. Nodes and edges have keys of their own; a node's id may change without its edges being others. An edge whose node
 * is gone is not part of the graph; undo brings both back.
 */

import { applyUpdate, encodeStateAsUpdate, SharedDoc, UndoManager } from "../../vendor/agentsite-vendor-1.2.0.js";

/** @typedef {Record<string, any>} Json */
/** @typedef {{key: string, node: Json, entry: boolean, pin: [number, number] | null, at: number[] | null, fallbackKey?: string | null}} NodeView `at`: where it was drawn last */
/** @typedef {{key: string, from: string, to: string, edge: Json, fallback: boolean}} EdgeView */

const LOCAL = "local";
const GRAPH_KEYS = ["v", "name", "description", "max_iterations", "state", "metadata"];

function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(9))].map((byte) => byte.toString(36).padStart(2, "0")).join("");
}

export class GraphModel extends EventTarget {
  /** @param {Json | null} definition null: it comes from a session */
  constructor(definition) {
    super();
    this.doc = new SharedDoc();
    this.nodeMap = this.doc.getMap("nodes");
    this.edgeMap = this.doc.getMap("edges");
    this.meta = this.doc.getMap("settings");
    if (definition) this.load(definition, "loaded");
    this.history = new UndoManager([this.nodeMap, this.edgeMap, this.meta], { trackedOrigins: new Set([LOCAL]), captureTimeout: 400 });
    for (const map of [this.nodeMap, this.edgeMap, this.meta]) map.observeDeep((/** @type {any[]} */ _, /** @type {any} */ transaction) => this.#changed(transaction.local));
    this.#changed();
  }

  #changed(isLocal = true) {
    this.isLocal = isLocal;
    /** @type {NodeView[]} */
    this.nodes = this.#sorted(this.nodeMap).map(([key, map]) => {
      const { order, pin, at, fallback, ...node } = map.toJSON();
      const to = fallback ? this.nodeMap.get(fallback)?.get("node_id") : undefined;
      return { key, node: to ? { ...node, fallback: to } : node, entry: false, pin: pin ?? null, at: at ?? null, fallbackKey: to ? fallback : null };
    });
    const entry = this.entryKey;
    for (const view of this.nodes) view.entry = view.key === entry;
    const here = new Set(this.nodes.map((view) => view.key));
    /** @type {EdgeView[]} the drawn ones, in order, then the ways to fallbacks, as a layout has them */
    this.edges = this.#sorted(this.edgeMap)
      .map(([key, map]) => {
        const { order, from, to, ...edge } = map.toJSON();
        return { key, from, to, edge, fallback: false };
      })
      .filter(({ from, to }) => here.has(from) && here.has(to));
    this.drawnEdges = this.edges;
    this.edges = [
      ...this.edges,
      ...this.nodes.filter((view) => view.fallbackKey).map((view) => ({ key: `fallback:${view.key}`, from: view.key, to: view.fallbackKey, edge: { label: "on error" }, fallback: true })),
    ];
    this.dispatchEvent(new Event("change"));
  }

  /** @param {any} map @returns {[string, any][]} */
  #sorted(map) {
    return [...map.entries()].sort(([a, one], [b, other]) => one.get("order") - other.get("order") || (a < b ? -1 : 1));
  }

  get entryKey() {
    const named = this.meta.get("entry");
    return this.nodeMap.has(named) ? named : null;
  }

  get name() {
    return this.meta.get("name") ?? "";
  }

  /** @param {string} key */
  nodeOf(key) {
    return this.nodes.find((view) => view.key === key) ?? null;
  }

  /** @param {string} key */
  edgeOf(key) {
    return this.drawnEdges.find((view) => view.key === key) ?? null;
  }

  /** @param {string} nodeId */
  keyOf(nodeId) {
    return this.nodes.find((view) => view.node.node_id === nodeId)?.key ?? null;
  }

  /** What is saved, validated and run. @returns {Json} */
  definition() {
    const ids = new Map(this.nodes.map((view) => [view.key, view.node.node_id]));
    const pins = this.nodes.filter((view) => view.pin).map((view) => [view.node.node_id, view.pin]);
    /** @type {Json} */
    const graph = {};
    for (const key of GRAPH_KEYS) if (this.meta.get(key) !== undefined) graph[key] = this.meta.get(key);
    const { pinned: _, ...metadata } = graph.metadata ?? {};
    if (pins.length) metadata.pinned = Object.fromEntries(pins);
    if (Object.keys(metadata).length) graph.metadata = metadata;
    else delete graph.metadata;
    return {
      ...graph,
      entry_node: ids.get(this.entryKey) ?? null,
      nodes: this.nodes.map((view) => view.node),
      edges: this.drawnEdges.map(({ from, to, edge }) => ({ from_node: ids.get(from), to_node: ids.get(to), ...edge })),
    };
  }

  get isEmpty() {
    return this.nodeMap.size === 0 && this.meta.size === 0;
  }

  /**
   * The first content of an empty document that is shared. Made by the same client in the same order whoever makes it of
   * this definition: done twice, it is there once.
   * @param {Json} definition
   */
  seed(definition) {
    const model = new GraphModel(null);
    model.doc.clientID = 1;
    let n = 0;
    model.load(definition, "seeded", () => `seed${(n += 1)}`);
    applyUpdate(this.doc, encodeStateAsUpdate(model.doc), "seeded");
  }

  /** Replaces everything. @param {Json} definition @param {string} [origin] @param {() => string} [keyFor] */
  load(definition, origin = LOCAL, keyFor = newKey) {
    this.doc.transact(() => {
      for (const map of [this.nodeMap, this.edgeMap, this.meta]) for (const key of [...map.keys()]) map.delete(key);
      for (const key of GRAPH_KEYS) if (definition[key] !== undefined && definition[key] !== null) this.meta.set(key, definition[key]);
      const pins = definition.metadata?.pinned ?? {};
      /** @type {Map<string, string>} */
      const keys = new Map();
      for (const [at, node] of (definition.nodes ?? []).entries()) {
        const key = keyFor();
        if (!keys.has(node.node_id)) keys.set(node.node_id, key);
        this.#put(this.nodeMap, key, { ...node, fallback: undefined, order: at, pin: Array.isArray(pins[node.node_id]) ? pins[node.node_id] : undefined });
      }
      for (const node of definition.nodes ?? []) {
        const to = keys.get(node.fallback);
        if (to) this.nodeMap.get(keys.get(node.node_id)).set("fallback", to);
      }
      for (const [at, { from_node, to_node, ...edge }] of (definition.edges ?? []).entries()) {
        if (keys.has(from_node) && keys.has(to_node)) this.#put(this.edgeMap, keyFor(), { ...edge, from: keys.get(from_node), to: keys.get(to_node), order: at });
      }
      if (keys.has(definition.entry_node)) this.meta.set("entry", keys.get(definition.entry_node));
    }, origin);
  }

  /** Becomes another definition as one step of undo; what stays keeps its key. @param {Json} definition */
  become(definition) {
    const was = this.definition();
    const nodes = new Map((definition.nodes ?? []).map((/** @type {Json} */ node) => [node.node_id, node]));
    const edgeId = (/** @type {Json} */ edge) => JSON.stringify([edge.from_node, edge.to_node, edge.condition ?? null]);
    const edges = new Map((definition.edges ?? []).map((/** @type {Json} */ edge) => [edgeId(edge), edge]));
    const pins = definition.metadata?.pinned ?? {};
    this.#do(() => {
      const keys = new Map(this.nodes.map((view) => [view.node.node_id, view.key]));
      const oldEdges = this.drawnEdges.map((view, at) => ({ key: view.key, id: edgeId(was.edges[at]) }));
      for (const { key, id } of oldEdges) if (!edges.has(id)) this.edgeMap.delete(key);
      for (const [id, key] of keys) if (!nodes.has(id)) this.nodeMap.delete(key), keys.delete(id);
      for (const id of nodes.keys()) if (!keys.has(id)) keys.set(id, newKey());
      for (const [at, { fallback, ...node }] of [...nodes.values()].entries()) {
        const key = keys.get(node.node_id) ?? "";
        const values = { ...node, order: at, pin: pins[node.node_id], fallback: keys.get(fallback) };
        const map = this.nodeMap.get(key);
        if (!map) this.#put(this.nodeMap, key, values);
        else this.#replace(map, values, ["at"]);
      }
      const kept = new Map(oldEdges.map(({ key, id }) => [id, key]));
      for (const [at, [id, { from_node, to_node, ...edge }]] of [...edges].entries()) {
        const values = { ...edge, from: keys.get(from_node), to: keys.get(to_node), order: at };
        const map = this.edgeMap.get(kept.get(id) ?? "");
        if (map) this.#replace(map, values, []);
        else this.#put(this.edgeMap, newKey(), values);
      }
      for (const name of GRAPH_KEYS) {
        if (definition[name] === undefined || definition[name] === null) this.meta.delete(name);
        else if (JSON.stringify(this.meta.get(name)) !== JSON.stringify(definition[name])) this.meta.set(name, definition[name]);
      }
      if (this.meta.get("entry") !== keys.get(definition.entry_node)) this.meta.set("entry", keys.get(definition.entry_node));
    });
  }

  /** Gives a map these values and no others but some. @param {any} map @param {Json} values @param {string[]} but */
  #replace(map, values, but) {
    for (const name of [...map.keys()]) if (!but.includes(name) && (values[name] === undefined || values[name] === null)) map.delete(name);
    for (const [name, value] of Object.entries(values)) if (value !== undefined && value !== null && JSON.stringify(map.get(name)) !== JSON.stringify(value)) map.set(name, value);
  }

  /** @param {any} map @param {string} key @param {Json} values */
  #put(map, key, values) {
    const inner = new map.constructor();
    for (const [name, value] of Object.entries(values)) if (value !== undefined && value !== null) inner.set(name, value);
    map.set(key, inner);
  }

  /** @param {any} map */
  #lastOrder = (map) => Math.max(-1, ...[...map.values()].map((one) => one.get("order"))) + 1;

  /** One step of undo, unless it goes on with the last: what is typed into one field is one step. @param {() => void} change @param {string} [of] */
  #do(change, of = "") {
    if (of === "" || of !== this.lastOf) this.history?.stopCapturing();
    this.lastOf = of;
    this.doc.transact(change, LOCAL);
  }

  /** A name for a new node that no other has. @param {string} base */
  freeName(base) {
    const taken = new Set(this.nodes.map((view) => view.node.node_id));
    for (let n = 1; ; n += 1) {
      const name = n === 1 ? base : `${base}_${n}`;
      if (!taken.has(name)) return name;
    }
  }

  /** @param {Json} node @param {{after?: string | null, pin?: [number, number] | null}} [where] @returns {string} its key */
  addNode(node, { after = null, pin = null } = {}) {
    const key = newKey();
    this.#do(() => {
      this.#put(this.nodeMap, key, { ...node, order: this.#lastOrder(this.nodeMap), pin });
      if (after) this.#put(this.edgeMap, newKey(), { from: after, to: key, order: this.#lastOrder(this.edgeMap) });
      if (!this.entryKey) this.meta.set("entry", key);
    });
    return key;
  }

  /** @param {string} from @param {string} to @param {Json} [edge] @returns {string} its key */
  connect(from, to, edge = {}) {
    const key = newKey();
    this.#do(() => this.#put(this.edgeMap, key, { ...edge, from, to, order: this.#lastOrder(this.edgeMap) }));
    return key;
  }

  /** Sets and, with undefined, takes away keys of a node. @param {string} key @param {Json} values */
  setNode(key, values) {
    this.#set(this.nodeMap.get(key), values);
  }

  /** @param {string} key @param {Json} values */
  setEdge(key, values) {
    this.#set(this.edgeMap.get(key), values);
  }

  /** @param {any} map @param {Json} values */
  #set(map, values) {
    if (!map) return;
    this.#do(() => {
      for (const [name, value] of Object.entries(values)) {
        if (value === undefined || value === null || value === "") map.delete(name);
        else if (JSON.stringify(map.get(name)) !== JSON.stringify(value)) map.set(name, value);
      }
    }, `${map._item?.parentSub ?? ""} ${Object.keys(values)}`);
  }

  /** @param {Json} values of the graph itself */
  setGraph(values) {
    this.#set(this.meta, values);
  }

  /** Removes nodes, with their edges, and edges. @param {string[]} keys */
  remove(keys) {
    const gone = new Set(keys);
    this.#do(() => {
      for (const [key, edge] of [...this.edgeMap.entries()]) {
        if (gone.has(key) || gone.has(edge.get("from")) || gone.has(edge.get("to"))) this.edgeMap.delete(key);
      }
      for (const key of keys) this.nodeMap.delete(key);
      if (!this.entryKey && this.nodeMap.size) this.meta.set("entry", this.#sorted(this.nodeMap)[0][0]);
    });
  }

  /** Where people put nodes. @param {Map<string, [number, number] | null>} places */
  pin(places) {
    this.#do(() => {
      for (const [key, place] of places) this.#set(this.nodeMap.get(key), { pin: place ?? undefined });
    });
  }

  /** Where nodes were drawn, for the others who draw along; no step of undo. @param {Map<string, number[]>} places */
  drawnAt(places) {
    this.doc.transact(() => {
      for (const [key, place] of places) {
        const map = this.nodeMap.get(key);
        if (map && String(map.get("at")) !== String(place)) map.set("at", place);
      }
    }, "drawn");
  }

  /** Moves an edge before or after others of its node, as they are tried in order. @param {string} key @param {number} step */
  moveEdge(key, step) {
    const edge = this.edgeOf(key);
    const all = this.drawnEdges.filter((one) => one.from === edge?.from);
    const other = all[all.findIndex((one) => one.key === key) + step];
    if (!edge || !other) return;
    const [one, two] = [this.edgeMap.get(key), this.edgeMap.get(other.key)];
    this.#do(() => {
      const order = one.get("order");
      one.set("order", two.get("order"));
      two.set("order", order);
    });
  }

  /** Nodes and the edges between them, to paste elsewhere. @param {string[]} keys @returns {string} */
  copied(keys) {
    const ids = new Map(keys.map((key) => [key, this.nodeOf(key)?.node.node_id]));
    const nodes = keys.map((key) => this.nodeOf(key)?.node).filter(Boolean);
    const edges = this.drawnEdges.filter(({ from, to }) => ids.has(from) && ids.has(to)).map(({ from, to, edge }) => ({ from_node: ids.get(from), to_node: ids.get(to), ...edge }));
    return JSON.stringify({ nodes, edges }, null, 2);
  }

  /** @param {string} text what copied() made @returns {string[]} the new nodes */
  paste(text) {
    const { nodes = [], edges = [] } = JSON.parse(text);
    /** @type {Map<string, string>} */
    const keys = new Map();
    this.#do(() => {
      for (const { fallback: _, ...node } of nodes) {
        keys.set(node.node_id, this.addNode({ ...node, node_id: this.freeName(node.node_id) }));
        this.#changed();
      }
      for (const { from_node, to_node, ...edge } of edges) {
        const [from, to] = [keys.get(from_node), keys.get(to_node)];
        if (from && to) this.connect(from, to, edge);
      }
    });
    return [...keys.values()];
  }
}
