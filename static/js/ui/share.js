// @ts-check
/** Inviting people: by name, who then accept or not, or by links with a role, an end and a number of uses, shown once; and what stands, to be taken back. */

import { call, get, post } from "../net/api.js";
import { byId, fill, h, icon } from "./dom.js";
import { announce, copy, errorBanner } from "./notices.js";

const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** @param {{expires_at: string | null, max_uses: number | null, uses: number}} invite */
function wordsOf({ expires_at, max_uses, uses }) {
  const end = expires_at ? `until ${day.format(new Date(expires_at))}` : "without an end";
  const used = max_uses === null ? `used ${uses} ${uses === 1 ? "time" : "times"}` : `used ${uses} of ${max_uses}`;
  return `${end}, ${used}`;
}

/** Fills a list anew; who stood on a row's button stands on it still, or else at the end of the dialog. @param {HTMLElement} list @param {HTMLElement[]} rows */
function refill(list, rows) {
  const focused = list.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).dataset.id : null;
  fill(list, ...rows);
  if (focused === null) return;
  const same = /** @type {HTMLElement | null} */ (list.querySelector(`[data-id="${focused}"]`));
  (same ?? /** @type {HTMLElement | null} */ (list.closest("dialog")?.querySelector("footer button")))?.focus();
}

/** @typedef {{id: string, name: string, role: string, expires_at: string}} Invitation */
/** @typedef {{id: string, role: string, expires_at: string | null, max_uses: number | null, uses: number}} Invite */

export class Share {
  /** @param {string} session */
  constructor(session) {
    this.session = `/v1/sessions/${session}`;
    this.path = `${this.session}/invites`;
    this.button = /** @type {HTMLButtonElement} */ (byId("share"));
    this.button.addEventListener("click", () => this.open());
    /** @type {HTMLDialogElement | null} */
    this.dialog = null;
  }

  /** @param {boolean} mayInvite */
  show(mayInvite) {
    this.button.hidden = !mayInvite;
  }

  async open() {
    const role = this.select("share-role", "Access", [["editor", "Can edit"], ["viewer", "Can view"]]);
    const ends = this.select("share-ends", "Link expires", [["86400", "In a day"], ["604800", "In a week"], ["", "Never"]]);
    const uses = this.select("share-uses", "Who can join", [["", "Anyone with the link"], ["1", "One person"]]);
    this.made = h("div", { class: "stack" });
    this.standing = h("ul", { class: "plain-list", "aria-label": "Links that stand" });
    this.told = h("div");
    this.invited = h("ul", { class: "plain-list", "aria-label": "Invited, not here yet" });
    const make = h("button", { type: "button", class: "button primary", on: { click: () => this.make(role, ends, uses) } }, "Make a link");
    const close = h("button", { type: "button", class: "button", on: { click: () => this.close() } }, "Done");
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "share-title" },
      h("header", null, h("h2", { id: "share-title" }, "Invite people")),
      h("div", { class: "body stack" }, this.nameForm(), this.told, this.invited, h("h3", null, "With a link"), ...[role, ends, uses].map(({ label, select }) => h("div", { class: "field" }, label, select)), this.made, this.standing),
      h("footer", null, close, make),
    );
    dialog.addEventListener("close", () => this.close());
    document.body.append(dialog);
    this.dialog = dialog;
    dialog.showModal();
    await Promise.all([this.list(), this.listInvited()]);
  }

  close() {
    this.dialog?.remove();
    this.dialog = null;
    this.button.focus();
  }

  /** Somebody came, left or may do something else: what stands in the open dialog is read again. */
  refresh() {
    if (this.dialog) Promise.all([this.list(), this.listInvited()]);
  }

  /** Invites somebody by name. Nobody is told here whether it is anybody's. */
  nameForm() {
    const name = h("input", { class: "input", id: "share-name", required: true, maxlength: "150", autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
    const role = this.select("share-name-role", "as", [["editor", "editor"], ["viewer", "viewer"], ["owner", "owner"]]);
    role.label.className = "visually-hidden";
    const form = h("form", { class: "field" }, h("label", { for: "share-name" }, "Username"),
      h("div", { class: "row nowrap" }, name, role.label, role.select, h("button", { type: "submit", class: "button" }, "Invite")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (name.value.trim()) this.invite(name, role.select.value);
    });
    return form;
  }

  /** @param {HTMLInputElement} name @param {string} role */
  async invite(name, role) {
    const told = /** @type {HTMLElement} */ (this.told);
    try {
      await post(`${this.session}/members`, { user: name.value.trim(), role });
      const words = "If there is such an account, it is invited, and joins by accepting. Invite guests by a link.";
      fill(told, h("p", { class: "note" }, words));
      announce(words);
      name.value = "";
      await this.listInvited();
    } catch (error) {
      fill(told, errorBanner(error, { what: "The invitation was not sent", retry: () => this.invite(name, role) }));
    }
    name.focus();
  }

  async listInvited() {
    const list = /** @type {HTMLElement} */ (this.invited);
    try {
      const { results } = await get(`${this.session}/invitations`);
      refill(list, results.map((/** @type {Invitation} */ one) => h("li", { class: "row between nowrap" },
        h("span", null, `${one.name}, invited as ${one.role}`),
        h("button", { type: "button", class: "button small", "aria-label": `Withdraw the invitation of ${one.name}`, data: { id: one.id }, on: { click: () => this.withdraw(one.id) } }, "Withdraw"))));
    } catch (error) {
      fill(list, h("li", null, errorBanner(error, { what: "The invitations could not be read", retry: () => this.listInvited() })));
    }
  }

  /** @param {string} id */
  async withdraw(id) {
    try {
      await call("DELETE", `${this.session}/invitations/${id}`);
      announce("Withdrawn");
      await this.listInvited();
    } catch (error) {
      fill(/** @type {HTMLElement} */ (this.told), errorBanner(error, { what: "The invitation was not withdrawn" }));
    }
  }

  /** @param {string} id @param {string} words @param {[string, string][]} options */
  select(id, words, options) {
    const select = h("select", { id, class: "select" }, options.map(([value, text]) => h("option", { value }, text)));
    return { label: h("label", { for: id }, words), select };
  }

  /** @param {{select: HTMLSelectElement}[]} choices */
  async make(...choices) {
    const [role, ends, uses] = choices.map(({ select }) => select.value);
    try {
      const { url } = await post(this.path, { role, expires_in_s: ends ? Number(ends) : null, max_uses: uses ? Number(uses) : null });
      const link = h("input", { class: "input", readonly: true, "aria-label": "The link", value: url });
      fill(/** @type {HTMLElement} */ (this.made), h("p", { class: "note" }, "Copy the link now; it is not shown again."), h("div", { class: "row nowrap" }, link,
        h("button", { type: "button", class: "button", on: { click: () => copy(url) } }, icon("copy"), "Copy")));
      link.focus();
      link.select();
      announce("The link is made");
      await this.list();
    } catch (error) {
      fill(/** @type {HTMLElement} */ (this.made), errorBanner(error, { what: "The link was not made" }));
    }
  }

  async list() {
    try {
      const { results } = await get(this.path);
      refill(/** @type {HTMLElement} */ (this.standing), results.map((/** @type {Invite} */ invite) => this.row(invite)));
    } catch (error) {
      fill(/** @type {HTMLElement} */ (this.standing), errorBanner(error, { what: "The links could not be read" }));
    }
  }

  /** @param {Invite} invite */
  row(invite) {
    const words = `To ${invite.role === "viewer" ? "look" : "edit"}, ${wordsOf(invite)}`;
    const revoke = h("button", { type: "button", class: "button small", "aria-label": `Revoke: ${words}`, data: { id: invite.id }, on: { click: () => this.revoke(invite.id) } }, "Revoke");
    return h("li", { class: "row between" }, h("span", null, words), revoke);
  }

  /** @param {string} id */
  async revoke(id) {
    try {
      await call("DELETE", `${this.path}/${id}`);
      announce("Revoked");
      await this.list();
    } catch (error) {
      fill(/** @type {HTMLElement} */ (this.made), errorBanner(error, { what: "The link was not revoked" }));
    }
  }
}
