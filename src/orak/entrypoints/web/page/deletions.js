// @ts-check
/** Deleting takes, with a few seconds to undo. Closing the page deletes at once. */
import { deleteTake, orak } from "./calls.js";
import { t } from "./language.js";
import { notify } from "./notices.js";

/** @typedef {import("./calls.js").Take} Take */

const LIFE = 6000; // ms to undo

/** For each take that waits, a function that deletes it now. @type {Map<number, () => void>} */
const waiting = new Map();

/** Whether *id* is waiting to be deleted. @param {number} id */
export const isLeaving = (id) => waiting.has(id);

/**
 * Delete *take* unless the user undoes it in time.
 * @param {Take} take
 * @param {{ back: () => void, gone: () => void, failed: (failure: unknown) => void }} then `back`: it was undone or
 *   could not be deleted
 */
export function deleteLater(take, { back, gone, failed }) {
  const api = orak(); // the user who deletes, even if another is signed in when the time is over
  const act = () => {
    waiting.delete(take.id);
    back();
  };
  const over = async () => {
    try {
      await deleteTake(api, take.id);
      waiting.delete(take.id);
      gone();
    } catch (failure) {
      waiting.delete(take.id);
      failed(failure);
      back();
    }
  };
  const close = notify(() => t("deleted", { title: take.title }), {
    action: { words: () => t("undo"), act },
    life: LIFE,
    over,
  });
  waiting.set(take.id, () => {
    close();
    void deleteTake(api, take.id, true).catch(() => undefined); // the page is closing: no place to show a failure
  });
}

/** Delete all waiting takes now. */
export function deleteNow() {
  for (const now of waiting.values()) now();
  waiting.clear();
}

addEventListener("pagehide", deleteNow);
