// @ts-check
/** Notices at the bottom of the page, read by screen readers, with an action where one is possible. */
import { byId, el } from "./element.js";

/** @typedef {import("./element.js").Words} Words */
/** @typedef {{ words: Words, act: () => void }} Action */

const SHOWN_FOR = 6000; // ms

/**
 * Show a notice for a while, or until the user acts. The time stops while it has the pointer or the focus.
 * @param {Words} words
 * @param {{ action?: Action, life?: number, kind?: "plain" | "error", onTimeout?: () => void }} [options]
 *   `onTimeout`: called when the time ends without an action
 * @returns {() => void} removes the notice without calling `onTimeout`
 */
export function notify(words, { action, life = SHOWN_FOR, kind = "plain", onTimeout } = {}) {
  const notice = el("div", { class: `notice ${kind}` }, el("p", { text: words }));
  let left = life;
  let since = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const run = () => {
    since = performance.now();
    clearTimeout(timer);
    timer = setTimeout(end, left);
  };
  const hold = () => {
    clearTimeout(timer);
    left -= performance.now() - since;
    since = performance.now();
  };
  const close = () => {
    clearTimeout(timer);
    notice.remove();
  };
  const end = () => {
    close();
    onTimeout?.();
  };
  if (action) {
    const answer = () => {
      close();
      action.act();
    };
    notice.append(el("button", { type: "button", class: "quiet", text: action.words, onclick: answer }));
    notice.append(el("span", { class: "ebb", "aria-hidden": "true" }));
    notice.style.setProperty("--life", `${life}ms`);
  }
  for (const [begin, stop] of [["pointerenter", "pointerleave"], ["focusin", "focusout"]]) {
    notice.addEventListener(begin, hold);
    notice.addEventListener(stop, run);
  }
  byId(kind === "error" ? "alerts" : "notices").append(notice);
  run();
  return close;
}

/** Announce *words* to screen readers only. @param {Words} words */
export function announce(words) {
  byId("announcer").textContent = words();
}
