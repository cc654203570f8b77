// @ts-check
/**
 * Several people drawing at once: the graph's document is kept in step with a session's, through the same socket as a text.
 * Whoever the graph belongs to brings the first content; everybody else takes what is there.
 */

import { Provider } from "../collab/provider.js";
import { SessionSocket } from "../net/socket.js";
import { Awareness } from "../../vendor/agentsite-vendor-1.2.0.js";
import { fill, h } from "../ui/dom.js";

/** @typedef {{id: string, role: string, seeds: boolean, last_seq: number}} Room */

/** Who is here, each once, with the nodes that they have selected. @param {Map<number, any>} states @param {number} own */
export function others(states, own) {
  /** @type {Map<string, {id: string, name: string, color: string, selected: string[]}>} */
  const people = new Map();
  for (const [client, state] of states) {
    const user = state?.user;
    if (!user?.id || client === own) continue;
    const person = people.get(user.id) ?? { id: user.id, name: user.name, color: user.color, selected: [] };
    if (Array.isArray(state.selected)) person.selected.push(...state.selected.filter((/** @type {any} */ key) => typeof key === "string"));
    people.set(user.id, person);
  }
  return [...people.values()].sort((one, other) => one.name.localeCompare(other.name));
}

/** @param {string} name */
export const initials = (name) => name.split(/\s+/).filter(Boolean).slice(0, 2).map((word) => [...word][0]).join("").toUpperCase() || "?";

export class Together {
  /**
   * @param {Room} room @param {import("./model.js").GraphModel} model
   * @param {{definition: any, readOnly: boolean, people: HTMLElement, onReady: () => void, onVersion: (version: any) => void, onMembers: () => void, onPeople: () => void, onState: (state: string, unstored: number) => void}} options
   */
  constructor(room, model, { definition, readOnly, people, onReady, onVersion, onMembers, onPeople, onState }) {
    this.awareness = new Awareness(model.doc);
    this.epoch = 0;
    this.onVersion = onVersion;
    this.onMembers = onMembers;
    this.people = /** @type {ReturnType<typeof others>} */ ([]);
    this.awareness.on("change", () => {
      this.people = others(this.awareness.getStates(), model.doc.clientID);
      fill(people, this.people.map(({ name, color }) => {
        const avatar = h("span", { class: "avatar", role: "img", "aria-label": name, title: name }, initials(name));
        avatar.style.backgroundColor = color;
        avatar.style.color = "#fff";
        return avatar;
      }));
      onPeople();
    });
    this.provider = new Provider({
      path: `/ws/sessions/${room.id}/document/`, doc: model.doc, awareness: this.awareness, readOnly,
      onSynced: () => {
        if (room.seeds && model.isEmpty) model.seed(definition);
        onReady();
      },
      onChange: () => this.provider && onState(this.provider.refused ? "refused" : this.provider.state, this.provider.unstored.size),
      onHello: (hello) => {
        // A history that was begun anew must not be merged with ours: that would double everything.
        if (this.epoch && this.epoch !== hello.epoch) return location.reload(), false;
        this.epoch = hello.epoch;
        return true;
      },
    });
    this.#hearVersions(room);
    this.awareness.setLocalState({ idle: false, selected: [] });
    this.provider.open();
  }

  /** Says when somebody has published, or rolled back, has come or gone. @param {Room} room */
  #hearVersions({ id, last_seq }) {
    let seen = last_seq;
    new SessionSocket({
      path: `/ws/sessions/${id}/`, after: () => seen, onState: () => {},
      onFrame: ({ seq, type, data }) => {
        seen = seq ?? seen;
        if (type === "graph.updated") this.onVersion(data);
        if (type.startsWith("member.")) this.onMembers();
      },
    }).open();
  }

  /** @param {string[]} keys */
  selected(keys) {
    this.awareness.setLocalStateField("selected", keys.slice(0, 20));
  }
}
