// @ts-check
/** A yes-or-no question in a dialog. */
import { byId, setText } from "./element.js";
import { t } from "./language.js";

/** @typedef {import("./language.js").TextKey} TextKey */

/**
 * Return whether the user confirms. Escape means no.
 * @param {{ heading: TextKey, lead: TextKey, yes: TextKey, no: TextKey }} texts
 * @returns {Promise<boolean>}
 */
export function ask({ heading, lead, yes, no }) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("question"));
  setText(byId("question-heading"), () => t(heading));
  setText(byId("question-lead"), () => t(lead));
  setText(byId("question-yes"), () => t(yes));
  setText(byId("question-no"), () => t(no));
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
