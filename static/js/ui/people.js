// @ts-check
/** Who is here: one picture for each person, however many tabs they have open, and one for each agent that works. */

import { placeOf } from "../collab/cursors.js";
import { byId, fill, icon } from "./dom.js";
import { plain } from "./invisible_characters.js";

const IDLE_MS = 60_000;
const SHOWN = 6;

/** @param {string} name */
const initials = (name) => name.split(/\s+/).filter(Boolean).slice(0, 2).map((word) => [...word][0]).join("").toUpperCase() || "?";

/**
 * @typedef {{id: string, name: string, color: string, role: string}} User
 * @typedef {{user: User, idle: boolean, tabs: number, clients: number[]}} Person
 */

/**
 * Everybody in the awareness, each once, but for agents, of which the page knows more than it says; who is away in all of their tabs is idle.
 * @param {Map<number, any>} states
 * @returns {Person[]}
 */
export function peopleIn(states) {
  /** @type {Map<string, Person>} */
  const people = new Map();
  for (const [client, state] of states) {
    if (!state?.user?.id || state.user.role === "agent") continue;
    const known = people.get(state.user.id);
    if (known) {
      known.tabs += 1;
      known.idle &&= Boolean(state.idle);
      known.clients.push(client);
    } else people.set(state.user.id, { user: state.user, idle: Boolean(state.idle), tabs: 1, clients: [client] });
  }
  return [...people.values()].sort((a, b) => a.user.name.localeCompare(b.user.name));
}

export class People {
  /**
   * @param {import("../collab/document.js").SharedDocument} document
   * @param {{me: User, show: (at: number) => void, editor: HTMLElement}} options `show` scrolls the editor to a position
   */
  constructor({ awareness, shared }, { me, show, editor }) {
    this.element = byId("people");
    this.awareness = awareness;
    this.shared = shared;
    this.me = me;
    this.show = show;
    /** The person who is followed. */
    this.followed = "";
    /** @type {{name: string, color: string}[]} */
    this.agents = [];
    this.drawn = "";
    for (const kind of ["keydown", "wheel", "pointerdown"]) editor.addEventListener(kind, () => this.stopFollowing(), { passive: true });
    awareness.on("change", () => {
      this.draw();
      this.keepUp();
    });
    this.watchIdle();
    this.draw();
  }

  /** The agents that work now. @param {{name: string, color: string}[]} agents */
  showAgents(agents) {
    this.agents = agents.map(({ name, color }) => ({ name, color }));
    this.draw();
  }

  /** Follows somebody, or nobody any more. @param {string} id */
  toggle(id) {
    this.followed = this.followed === id ? "" : id;
    this.draw();
    this.keepUp();
  }

  stopFollowing() {
    if (this.followed) this.toggle(this.followed);
  }

  keepUp() {
    const person = this.followed && peopleIn(this.awareness.getStates()).find((each) => each.user.id === this.followed);
    const places = person ? person.clients.map((client) => placeOf(this.awareness.getStates().get(client), this.shared)) : [];
    const place = places.find((each) => each !== null);
    if (place) this.show(place.head);
  }

  draw() {
    const people = peopleIn(this.awareness.getStates());
    if (!people.some((person) => person.user.id === this.me.id)) {
      people.unshift({ user: this.me, idle: false, tabs: 1, clients: [] });
    }
    const key = JSON.stringify([people.map(({ user, idle, tabs }) => [user, idle, tabs]), this.agents, this.followed]);
    if (key === this.drawn) return;
    this.drawn = key;
    const pictures = people.slice(0, SHOWN).map((person) => this.picture(person));
    const more = people.length > SHOWN ? [this.count(people.slice(SHOWN))] : [];
    fill(this.element, ...this.agents.map((agent) => this.agent(agent)), ...pictures, ...more);
  }

  /** @param {Person} person */
  picture({ user, idle, tabs }) {
    const isMe = user.id === this.me.id;
    const element = document.createElement(isMe ? "span" : "button");
    element.className = "avatar";
    element.dataset.idle = String(idle);
    element.textContent = initials(plain(user.name));
    const says = [isMe ? `${user.name} (you)` : user.name, user.role, idle ? "away" : "", tabs > 1 ? `${tabs} tabs` : ""];
    element.title = plain(says.filter(Boolean).join(", "));
    if (user.color) {
      element.style.backgroundColor = user.color;
      element.style.color = "#fff";
    }
    if (element instanceof HTMLButtonElement) {
      element.type = "button";
      element.setAttribute("aria-label", `Follow ${element.title}`);
      element.setAttribute("aria-pressed", String(this.followed === user.id));
      element.addEventListener("click", () => this.toggle(user.id));
    } else {
      element.setAttribute("role", "img");
      element.setAttribute("aria-label", element.title);
    }
    return element;
  }

  /** @param {{name: string, color: string}} agent */
  agent({ name, color }) {
    const element = document.createElement("span");
    element.className = "avatar agent";
    element.style.backgroundColor = color;
    element.style.color = "#fff";
    element.setAttribute("role", "img");
    element.title = plain(`${name} is working`);
    element.setAttribute("aria-label", element.title);
    element.append(icon("sparkles"));
    return element;
  }

  /** @param {Person[]} rest */
  count(rest) {
    const element = document.createElement("span");
    element.className = "avatar";
    element.textContent = `+${rest.length}`;
    element.title = plain(rest.map((person) => person.user.name).join(", "));
    return element;
  }

  /** Says that this person is away after a minute without a key, a click or a touch. */
  watchIdle() {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const say = (/** @type {boolean} */ idle) => {
      if (this.awareness.getLocalState()?.idle !== idle) this.awareness.setLocalStateField("idle", idle);
    };
    const here = () => {
      clearTimeout(timer);
      timer = setTimeout(() => say(true), IDLE_MS);
      say(false);
    };
    for (const kind of ["keydown", "pointerdown", "focus"]) window.addEventListener(kind, here, { passive: true });
    here();
  }
}
