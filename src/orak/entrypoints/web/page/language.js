// @ts-check
/** The language of the page: the browser's until the user chooses one. */
import { refreshTexts, setText } from "./element.js";
import { TEXTS } from "./texts.js";

/** @typedef {"ko" | "en"} Language */
/** @typedef {keyof typeof TEXTS.en} TextKey */

const KEPT = "orak.language";

/** @type {Language} */
let chosen = remembered() ?? (navigator.language.toLowerCase().startsWith("ko") ? "ko" : "en");

/** @type {Set<() => void>} */
const listeners = new Set();

/** @returns {Language} */
export const language = () => chosen;

/** Return the text of *key* with its {placeholders} filled in. @param {TextKey} key @param {Record<string, string | number>} [values] */
export function t(key, values = {}) {
  return TEXTS[chosen][key].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** Return a function that gives the text of *key* in the current language. @param {TextKey} key @param {Record<string, string | number>} [values] */
export const words = (key, values) => () => t(key, values);

/** Call *listener* when the language changes. @param {() => void} listener */
export const onLanguage = (listener) => listeners.add(listener);

/** Translate the document's own texts and let *button* switch the language. @param {HTMLElement} button */
export function followLanguage(button) {
  for (const node of document.querySelectorAll("[data-t]")) setText(node, () => t(keyOf(node, "data-t")));
  for (const node of document.querySelectorAll("[data-t-label]")) {
    setText(node, () => t(keyOf(node, "data-t-label")), "aria-label");
  }
  const show = () => {
    document.documentElement.lang = chosen;
    button.lang = chosen === "ko" ? "en" : "ko";
  };
  button.addEventListener("click", () => {
    chosen = chosen === "ko" ? "en" : "ko";
    try {
      localStorage.setItem(KEPT, chosen);
    } catch {
      // storage is blocked: the choice lasts until the page is closed
    }
    show();
    refreshTexts(document);
    for (const listener of listeners) listener();
  });
  show();
}

/** @param {Element} node @param {string} attribute */
function keyOf(node, attribute) {
  return /** @type {TextKey} */ (node.getAttribute(attribute));
}

/** @returns {Language | null} */
function remembered() {
  try {
    const kept = localStorage.getItem(KEPT);
    return kept === "ko" || kept === "en" ? kept : null;
  } catch {
    return null;
  }
}
