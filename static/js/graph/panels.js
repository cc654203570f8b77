// @ts-check
/** Which of canvas, outline and details a narrow screen shows; a wide one shows them all. */

/** @param {HTMLElement} root the element whose data-view the style sheet reads */
export function startPanels(root) {
  const narrow = matchMedia("(max-width: 900px)");
  const show = (/** @type {string} */ view, when = "always") => {
    if (when === "if hidden" && !narrow.matches) return;
    root.dataset.view = view;
    for (const control of root.querySelectorAll("[data-show]")) control.setAttribute("aria-current", String(control.getAttribute("data-show") === view));
  };
  for (const control of root.querySelectorAll("[data-show]")) control.addEventListener("click", () => show(control.getAttribute("data-show") ?? "canvas"));
  // On a phone the outline is the way to draw.
  if (narrow.matches) show("outline");
  return { show };
}
