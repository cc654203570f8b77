// @ts-check
/** The files that a run wrote: each with its size, to look at and to keep, and all of them as a zip. */

import { ApiError, get, getText } from "../net/api.js";
import { button, fill, h, icon } from "../ui/dom.js";
import { counted } from "../ui/plurals.js";

/** @typedef {{n: number, path: string, language: string, size: number, delivered: boolean}} RunFile */

const SHOWN_CHARACTERS = 100_000;
const TOLD = ["completed", "failed", "cancelled", "interrupted"];

/** @param {number} bytes */
const sizeOf = (bytes) => (bytes < 1000 ? counted(bytes, "byte") : bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`);

export class RunFiles {
  /** @param {HTMLElement} root @param {(error: unknown, what: string, retry?: () => void) => void} fail */
  constructor(root, fail) {
    this.root = root;
    this.fail = fail;
    this.root.hidden = true;
    this.shown = "";
  }

  /** @param {{id: string, status: string, state: any} | null} run */
  show(run) {
    const has = run && TOLD.includes(run.status) && Array.isArray(run.state?.files) && run.state.files.length > 0;
    const shown = run && has ? `${run.id}:${run.status}` : "";
    if (shown === this.shown) return;
    this.shown = shown;
    this.root.hidden = true;
    fill(this.root);
    if (run && has) this.#load(`/v1/runs/${run.id}`, shown);
  }

  /** @param {string} path @param {string} shown */
  async #load(path, shown) {
    try {
      const { results } = await get(`${path}/files`);
      if (this.shown === shown && results.length) this.#draw(path, results);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.fail(error, "The run's files could not be read", () => this.shown === shown && this.#load(path, shown));
    }
  }

  /** @param {string} path @param {RunFile[]} files */
  #draw(path, files) {
    this.root.hidden = false;
    fill(this.root,
      h("div", { class: "row between" }, h("h3", null, counted(files.length, "file")),
        h("a", { class: "button small quiet", href: `${path}/archive`, download: "" }, icon("download"), "All as a zip")),
      h("ul", { class: "run-files", "aria-label": "Files of the run" }, files.map((file) => this.#row(path, file))));
  }

  /** @param {string} path @param {RunFile} file */
  #row(path, file) {
    const url = `${path}/files/${file.n}`;
    const text = h("pre", { class: "value run-file-text", tabindex: "0", dir: "ltr", "aria-label": `Text of ${file.path}`, hidden: true });
    const show = button("Show", async () => {
      const opens = text.hidden;
      if (opens && !text.firstChild) await this.#read(url, text);
      text.hidden = !opens || !text.firstChild;
      show.setAttribute("aria-expanded", String(!text.hidden));
      fill(show, icon("eye"), text.hidden ? "Show" : "Hide");
    }, { class: "small quiet", icon: "eye", "aria-expanded": "false", "aria-label": `Show ${file.path}` });
    return h("li", { class: "run-file" },
      h("div", { class: "run-file-row" },
        h("span", { class: "run-file-name" }, icon("file-code"), h("code", null, file.path), h("span", { class: "note" }, sizeOf(file.size)),
          file.delivered && h("span", { class: "tag" }, "In the proposal")),
        h("span", { class: "row run-file-ways" }, show,
          h("a", { class: "button small quiet square", href: url, download: "", "aria-label": `Download ${file.path}`, title: "Download" }, icon("download")))),
      text);
  }

  /** @param {string} url @param {HTMLElement} target */
  async #read(url, target) {
    try {
      const whole = await getText(url);
      const more = whole.length > SHOWN_CHARACTERS;
      fill(target, (more ? whole.slice(0, SHOWN_CHARACTERS) : whole) || " ", more && "\n… Download the file for the rest.");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.fail(error, "The file could not be read");
    }
  }
}
