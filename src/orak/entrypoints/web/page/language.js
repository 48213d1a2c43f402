// @ts-check
/** The language of the page: the browser's, until the reader chooses. */
import { say, sayAgain } from "./element.js";
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

/** The text of *key*, its {names} filled in. @param {TextKey} key @param {Record<string, string | number>} [values] */
export function t(key, values = {}) {
  return TEXTS[chosen][key].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** Words that follow the language. @param {TextKey} key @param {Record<string, string | number>} [values] */
export const words = (key, values) => () => t(key, values);

/** Be told of a change. @param {() => void} listener */
export const onLanguage = (listener) => listeners.add(listener);

/** Put the language on what the document says itself, and let the switch change it. @param {HTMLElement} button */
export function followLanguage(button) {
  for (const node of document.querySelectorAll("[data-t]")) say(node, () => t(keyOf(node, "data-t")));
  for (const node of document.querySelectorAll("[data-t-label]")) {
    say(node, () => t(keyOf(node, "data-t-label")), "aria-label");
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
      // storage is forbidden here: the choice lasts as long as the page
    }
    show();
    sayAgain(document);
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
