// @ts-check
/** What of a drawing is seen: panning, zooming, fitting, and the small map. */

const [LEAST, MOST] = [0.02, 2.5];
const [FAR, FARTHER] = [0.5, 0.22];
const READABLE = 0.7;
const MARGIN = 40;
/** Drawings of up to so many nodes begin where their words can be read, though not all of them is seen then. */
const READABLE_NODES = 80;
const SPACE = "http://www.w3.org/2000/svg";

export class Camera {
  /** @param {SVGSVGElement} svg @param {SVGGElement} viewport @param {HTMLElement} root @param {boolean} whole whether it begins with all of the drawing, however small */
  constructor(svg, viewport, root, whole) {
    this.whole = whole;
    this.svg = svg;
    this.viewport = viewport;
    this.scale = 1;
    [this.x, this.y] = [0, 0];
    this.fitted = false;
    this.touched = false;
    this.bounds = { left: 0, top: 0, width: 1, height: 1 };
    this.map = document.createElementNS(SPACE, "svg");
    this.map.setAttribute("class", "minimap");
    this.map.setAttribute("aria-hidden", "true");
    root.append(this.map);
    svg.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.map.addEventListener("pointerdown", (event) => this.#jump(event));
    // Measured when it changes, not when it is read: a large drawing that was just made would be laid out for each reading.
    this.size = { width: svg.clientWidth || 1, height: svg.clientHeight || 1 };
    new ResizeObserver(([{ contentRect: { width, height } }]) => {
      if (width === this.size.width && height === this.size.height) return;
      this.size = { width: width || 1, height: height || 1 };
      if (this.touched) this.#apply();
      else this.#begin();
    }).observe(svg);
  }

  /** @param {{x: number, y: number, width: number, height: number}[]} boxes @param {{x: number, y: number, height: number}} [first] where the drawing begins */
  setContent(boxes, first) {
    this.boxes = boxes;
    this.first = first;
    if (boxes.length) {
      const left = Math.min(...boxes.map((box) => box.x));
      const top = Math.min(...boxes.map((box) => box.y));
      this.bounds = { left, top, width: Math.max(...boxes.map((box) => box.x + box.width)) - left, height: Math.max(...boxes.map((box) => box.y + box.height)) - top };
    }
    if (!this.touched) this.#begin();
    else this.#apply();
    this.map.replaceChildren(...boxes.map((box) => rect(box, "dot")), rect({ x: 0, y: 0, width: 1, height: 1 }, "seen"));
    this.#drawMap();
  }

  /** All of it; or its beginning, where all of it would be too small to read. */
  #begin() {
    this.fit();
    if (this.whole || this.scale >= FAR || !this.first || (this.boxes?.length ?? 0) > READABLE_NODES) return;
    this.scale = READABLE;
    this.x = MARGIN / 2 - this.first.x * READABLE;
    const { top, height } = this.bounds;
    const middle = height * READABLE > this.size.height ? this.first.y + this.first.height / 2 : top + height / 2;
    this.y = this.size.height / 2 - middle * READABLE;
    this.#apply();
  }

  fit() {
    const { width, height } = this.size;
    const scale = Math.min((width - 2 * MARGIN) / this.bounds.width, (height - 2 * MARGIN) / this.bounds.height, 1);
    this.scale = Math.max(LEAST, scale);
    this.x = width / 2 - (this.bounds.left + this.bounds.width / 2) * this.scale;
    this.y = height / 2 - (this.bounds.top + this.bounds.height / 2) * this.scale;
    this.touched = false;
    this.#apply();
  }

  /** @param {number} factor @param {[number, number]} [at] in pixels of the drawing */
  zoom(factor, at = [this.size.width / 2, this.size.height / 2]) {
    const scale = Math.min(MOST, Math.max(LEAST, this.scale * factor));
    this.x = at[0] - ((at[0] - this.x) * scale) / this.scale;
    this.y = at[1] - ((at[1] - this.y) * scale) / this.scale;
    this.scale = scale;
    this.touched = true;
    this.#apply();
  }

  /** Moves as little as is needed for a box to be seen. @param {any} box */
  reveal(box) {
    if (!box) return;
    const { width, height } = this.size;
    const before = [this.x, this.y];
    const [left, top] = [box.x * this.scale + this.x, box.y * this.scale + this.y];
    const [right, bottom] = [left + box.width * this.scale, top + box.height * this.scale];
    if (left < 8) this.x += MARGIN - left;
    else if (right > width - 8) this.x -= right - width + MARGIN;
    if (top < 8) this.y += MARGIN - top;
    else if (bottom > height - 8) this.y -= bottom - height + MARGIN;
    this.touched ||= before[0] !== this.x || before[1] !== this.y;
    this.#apply();
  }

  /** Where a pointer is, in the drawing's own measure. @param {PointerEvent} event @returns {[number, number]} */
  point(event) {
    const box = this.svg.getBoundingClientRect();
    return [(event.clientX - box.left - this.x) / this.scale, (event.clientY - box.top - this.y) / this.scale];
  }

  /** Pans with the pointer. @param {PointerEvent} event @param {() => void} onClick when it did not move */
  drag(event, onClick) {
    const start = { x: this.x, y: this.y };
    let moved = false;
    const stop = new AbortController();
    window.addEventListener("pointermove", (at) => {
      const [dx, dy] = [at.clientX - event.clientX, at.clientY - event.clientY];
      moved ||= Math.hypot(dx, dy) > 4;
      if (!moved) return;
      [this.x, this.y] = [start.x + dx, start.y + dy];
      this.touched = true;
      this.#apply();
    }, { signal: stop.signal });
    for (const type of ["pointerup", "pointercancel"]) window.addEventListener(type, () => (stop.abort(), moved || onClick()), { signal: stop.signal });
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const box = this.svg.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) return this.zoom(Math.exp(-event.deltaY / 300), [event.clientX - box.left, event.clientY - box.top]);
    this.x -= event.shiftKey ? event.deltaY : event.deltaX;
    this.y -= event.shiftKey ? 0 : event.deltaY;
    this.touched = true;
    this.#apply();
  }

  #apply() {
    this.viewport.setAttribute("transform", `translate(${this.x} ${this.y}) scale(${this.scale})`);
    this.svg.classList.toggle("far", this.scale < FAR);
    this.svg.classList.toggle("farther", this.scale < FARTHER);
    this.#drawMap();
  }

  #drawMap() {
    const { left, top, width, height } = this.bounds;
    this.map.setAttribute("viewBox", `${left - MARGIN} ${top - MARGIN} ${width + 2 * MARGIN} ${height + 2 * MARGIN}`);
    const seen = this.map.querySelector(".seen");
    if (!seen) return;
    const view = { x: -this.x / this.scale, y: -this.y / this.scale, width: this.size.width / this.scale, height: this.size.height / this.scale };
    for (const [name, value] of Object.entries(view)) seen.setAttribute(name, String(value));
    const all = view.x <= left && view.y <= top && view.x + view.width >= left + width && view.y + view.height >= top + height;
    this.map.toggleAttribute("hidden", all);
  }

  /** @param {PointerEvent} event */
  #jump(event) {
    const matrix = this.map.getScreenCTM();
    if (!matrix) return;
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    this.x = this.size.width / 2 - at.x * this.scale;
    this.y = this.size.height / 2 - at.y * this.scale;
    this.touched = true;
    this.#apply();
  }
}

/** @param {{x: number, y: number, width: number, height: number}} box @param {string} kind */
function rect({ x, y, width, height }, kind) {
  const element = document.createElementNS(SPACE, "rect");
  for (const [name, value] of Object.entries({ x, y, width, height, class: kind })) element.setAttribute(name, String(value));
  return element;
}
