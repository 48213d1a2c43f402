// @ts-check
/** Deleting a take, with a few seconds to think again; leaving the page ends them, and the take is deleted. */
import { deleteTake, orak } from "./calls.js";
import { t } from "./language.js";
import { notify } from "./notices.js";

/** @typedef {import("./calls.js").Take} Take */

const LIFE = 6000; // ms to undo

/** How to delete each now. @type {Map<number, () => void>} */
const waiting = new Map();

/** Whether *id* is to be deleted when its time is over. @param {number} id */
export const isLeaving = (id) => waiting.has(id);

/**
 * @param {Take} take
 * @param {{ back: () => void, gone: () => void, failed: (failure: unknown) => void }} then `back` when it was undone or
 *   could not be deleted
 */
export function deleteLater(take, { back, gone, failed }) {
  const api = orak(); // whoever is in when the time is over
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
    void deleteTake(api, take.id, true).catch(() => undefined); // there is nobody left to tell
  });
}

/** Whoever leaves thinks no more about it. */
export function deleteNow() {
  for (const now of waiting.values()) now();
  waiting.clear();
}

addEventListener("pagehide", deleteNow);
