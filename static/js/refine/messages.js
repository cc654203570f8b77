// @ts-check
/** What was said in a turn beyond what was asked: agents' answers, and what other people and programs said. */

import { button, fill, h } from "../ui/dom.js";
import { full, relative } from "../ui/time.js";

/** @typedef {import("./reduce.js").MessageView} MessageView */

const LONG = { characters: 1500, lines: 24 };

export class Messages {
  /** @param {HTMLElement} root @param {string} me the id of who reads it */
  constructor(root, me) {
    this.root = root;
    this.me = me;
    /** @type {Map<number, HTMLElement>} */
    this.drawn = new Map();
  }

  /** @param {MessageView[]} messages @param {{of: string}} asked the words that the turn begins with, which are not said twice */
  show(messages, { of }) {
    const told = messages.find(({ role, text }) => role === "user" && text === of);
    const shown = messages.filter((message) => message !== told);
    fill(this.root, shown.map((message) => this.drawn.get(message.seq) ?? this.#draw(message)));
  }

  /** @param {MessageView} message */
  #draw({ seq, at, role, by, by_id, text, cut }) {
    const isLong = text.length > LONG.characters || text.split("\n", LONG.lines + 1).length > LONG.lines;
    const words = h("p", { class: `said-text ${isLong ? "clipped" : ""}`, dir: "auto" }, text);
    const more = isLong && button("Show all", () => {
      const isClipped = words.classList.toggle("clipped");
      more && (fill(more, isClipped ? "Show all" : "Show less"), more.setAttribute("aria-expanded", String(!isClipped)));
    }, { class: "small quiet", "aria-expanded": "false" });
    const element = h("div", { class: "said", data: { role, seq: String(seq) } },
      h("p", { class: "note" }, h("strong", null, by_id === this.me ? "You" : by), " · ",
        h("time", { datetime: at, "data-relative": "", title: full(at) }, relative(at))),
      words, more, cut && h("p", { class: "note" }, "There was more; the run's result has it all."));
    this.drawn.set(seq, element);
    return element;
  }
}
