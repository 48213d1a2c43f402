// @ts-check
/** Deleting takes, with a few seconds to undo. Closing the page deletes at once. */
import { deleteTake, orak } from "./calls.js";
import { t } from "./language.js";
import { notify } from "./notices.js";

/** @typedef {import("./calls.js").Take} Take */

const UNDO_TIME = 6000; // ms to undo

/** For each take that waits, a function that deletes it now. @type {Map<number, () => void>} */
const waiting = new Map();

/** Whether *id* is waiting to be deleted. @param {number} id */
export const isBeingDeleted = (id) => waiting.has(id);

/**
 * Delete *take* unless the user undoes it in time.
 * @param {Take} take
 * @param {{ restore: () => void, onFailure: (failure: unknown) => void }} then `restore`: called after undo or a failure
 */
export function deleteLater(take, { restore, onFailure }) {
  const api = orak(); // of the user who deletes; another may be signed in later
  const act = () => {
    waiting.delete(take.id);
    restore();
  };
  const onTimeout = async () => {
    try {
      await deleteTake(api, take.id);
      waiting.delete(take.id);
    } catch (failure) {
      waiting.delete(take.id);
      onFailure(failure);
      restore();
    }
  };
  const close = notify(() => t("deleted", { title: take.title }), {
    action: { words: () => t("undo"), act },
    life: UNDO_TIME,
    onTimeout,
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
