// @ts-check
/** Builds elements, without a framework and without HTML strings. What would not be seen in a text is marked here. */

import { nodesOf, plain } from "./invisible_characters.js";

const SPRITE = document.querySelector('meta[name="icon-sprite"]')?.getAttribute("content") ?? "/static/icons.svg";

/** Attributes that people read or hear. */
const SAID = new Set(["title", "aria-label", "alt", "placeholder"]);
const CODE = new Set(["code", "pre"]);

/**
 * @typedef {Node | string | number | null | undefined | false} Child
 * @typedef {Record<string, any>} Props attributes; `on` holds listeners, `data` dataset entries, `class` the class
 */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Props | null} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name in element && (typeof value === "boolean" || name === "value")) Reflect.set(element, name, value);
    else element.setAttribute(name, value === true ? "" : SAID.has(name) ? plain(String(value)) : String(value));
  }
  fill(element, ...children);
  return element;
}

/**
 * Replaces an element's children.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function fill(element, ...children) {
  element.replaceChildren(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false).flatMap((child) =>
      child instanceof Node ? child : textNodes(element, String(child)),
    ),
  );
}

/** What an element of this kind shows of a text; a field's text is what it is. @param {Element} element @param {string} text */
function textNodes(element, text) {
  if (element instanceof HTMLTextAreaElement) return [text];
  return element instanceof HTMLOptionElement ? [plain(text)] : nodesOf(text, { code: CODE.has(element.localName) });
}

/**
 * An icon of the sprite; hidden from assistive technology, since text stands beside it or in a label.
 * @param {string} name
 * @param {string} [more] further classes
 * @returns {SVGSVGElement}
 */
export function icon(name, more = "") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", `icon ${more}`.trim());
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${SPRITE}#${name}`);
  svg.append(use);
  return svg;
}

/**
 * @param {string} label
 * @param {(event: Event) => void} onClick
 * @param {Props & {icon?: string, hideLabel?: boolean}} [props]
 */
export function button(label, onClick, { icon: iconName, hideLabel, ...props } = {}) {
  return h(
    "button",
    {
      type: "button",
      ...props,
      class: `button ${props.class ?? ""}`,
      "aria-label": hideLabel ? label : props["aria-label"],
      title: props.title ?? (hideLabel ? label : undefined),
      on: { click: onClick, ...props.on },
    },
    iconName && icon(iconName),
    hideLabel ? null : label,
  );
}

/**
 * The element with this id, which the page's template promises.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element with the id ${JSON.stringify(id)}`);
  return element;
}

/**
 * JSON that the server put into the page with json_script.
 * @param {string} id
 * @returns {any}
 */
export function pageData(id) {
  return JSON.parse(byId(id).textContent ?? "null");
}

/** Whether single-key shortcuts must stay silent, because a person is typing. @param {EventTarget | null} target */
export function isTyping(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable=true]") !== null;
}
