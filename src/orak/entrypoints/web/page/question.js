// @ts-check
/** A question with two answers, asked in a dialog. */
import { byId, say } from "./element.js";
import { t } from "./language.js";

/** @typedef {import("./language.js").TextKey} TextKey */

/**
 * Ask; Escape is a no.
 * @param {{ heading: TextKey, lead: TextKey, yes: TextKey, no: TextKey }} texts
 * @returns {Promise<boolean>}
 */
export function ask({ heading, lead, yes, no }) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("question"));
  say(byId("question-heading"), () => t(heading));
  say(byId("question-lead"), () => t(lead));
  say(byId("question-yes"), () => t(yes));
  say(byId("question-no"), () => t(no));
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
