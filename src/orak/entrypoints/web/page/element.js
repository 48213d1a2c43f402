// @ts-check
/** DOM elements with texts that follow the language. */

/** @typedef {() => string} Words */

const textsOf = new WeakMap();

/**
 * Set the text of an element, now and whenever the language changes.
 * @param {Element} node
 * @param {Words} words
 * @param {string} [attribute] set instead of the text content
 */
export function setText(node, words, attribute) {
  const known = textsOf.get(node) ?? new Map();
  known.set(attribute, words);
  textsOf.set(node, known);
  node.toggleAttribute("data-localized", true);
  put(node, attribute, words());
}

/** Update all texts under *root* to the current language. @param {ParentNode} root */
export function refreshTexts(root) {
  for (const node of root.querySelectorAll("[data-localized]")) {
    for (const [attribute, words] of textsOf.get(node) ?? []) put(node, attribute, words());
  }
}

/** @param {Element} node @param {string | undefined} attribute @param {string} text */
function put(node, attribute, text) {
  if (attribute) node.setAttribute(attribute, text);
  else if (node.textContent !== text) node.textContent = text;
}

/**
 * Create an element. `text` and `label` are texts, `on…` are listeners and `value` is a property. All others are
 * attributes; false or null omits one.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} [wanted]
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, wanted = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(wanted)) {
    if (name === "text") setText(node, /** @type {Words} */ (value));
    else if (name === "label") setText(node, /** @type {Words} */ (value), "aria-label");
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (name === "value") Object.assign(node, { value });
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** Create an icon of 24 × 24 from one path. @param {string} path @returns {SVGSVGElement} */
export function icon(path) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  drawing.classList.add("icon");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  drawing.append(line);
  return drawing;
}

export const ICONS = {
  play: "M8 5.5v13l11-6.5z",
  pause: "M8 5.5v13M16 5.5v13",
  rename: "M5 19h3.5L19 8.5 15.5 5 5 15.5z",
  remove: "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12",
  again: "M19 12a7 7 0 1 1-2.2-5.1M19 4v4h-4",
  close: "M6 6l12 12M18 6L6 18",
};

/** Return the element with that id. @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`no element with the id ${id}`);
  return node;
}
