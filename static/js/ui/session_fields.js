// @ts-check
/** The session's title and language, which its owner changes in place. */

import { byId, fill } from "./dom.js";
import { plain } from "./invisible_characters.js";

export class SessionFields {
  /**
   * @param {{change: (change: object, failed: string) => void, languageChanged: (language: string) => void}} actions
   */
  constructor({ change, languageChanged }) {
    this.title = /** @type {HTMLInputElement} */ (byId("title"));
    this.language = /** @type {HTMLSelectElement} */ (byId("language"));
    this.heading = byId("heading");
    this.languageChanged = languageChanged;
    this.shownLanguage = "";
    /** @type {any} */
    this.session = null;
    this.title.addEventListener("change", () => this.title.value.trim() && change({ title: this.title.value.trim() }, "The session was not renamed"));
    this.title.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.title.blur();
      if (event.key === "Escape") {
        this.title.value = this.session.title;
        this.title.blur();
      }
    });
    this.language.addEventListener("change", () => change({ language: this.language.value }, "The language was not changed"));
  }

  /** @param {any} session @param {boolean} mayChange @param {boolean} [force] also what is being edited, and what seems shown already */
  show(session, mayChange, force = false) {
    this.session = session;
    if (force || document.activeElement !== this.title) this.title.value = session.title;
    fill(this.heading, session.title);
    this.title.readOnly = this.language.disabled = !mayChange;
    if (this.shownLanguage === session.language && !force) return;
    this.shownLanguage = session.language;
    if (![...this.language.options].some((option) => option.value === session.language)) {
      this.language.append(new Option(plain(session.language), session.language));
    }
    this.language.value = session.language;
    this.languageChanged(session.language);
  }
}
