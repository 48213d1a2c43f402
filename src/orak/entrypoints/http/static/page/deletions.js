// @ts-check
/** Deleting a take, with a few seconds to think again; leaving the page ends them, and the take is deleted. */
import { deleteTake } from "./calls.js";
import { t } from "./language.js";
import { notify } from "./notices.js";

/** @typedef {import("./calls.js").Take} Take */

const LIFE = 6000; // ms to undo

/** @type {Map<number, () => void>} */
const waiting = new Map();

/** Whether *id* is to be deleted when its time is over. @param {number} id */
export const isLeaving = (id) => waiting.has(id);

/**
 * @param {Take} take
 * @param {{ back: () => void, gone: () => void, failed: (failure: unknown) => void }} then `back` when it was undone or
 *   could not be deleted
 */
export function deleteLater(take, { back, gone, failed }) {
  const act = () => {
    waiting.delete(take.id);
    back();
  };
  const over = async () => {
    try {
      await deleteTake(take.id);
      gone();
    } catch (failure) {
      failed(failure);
      back();
    } finally {
      waiting.delete(take.id);
    }
  };
  const close = notify(() => t("deleted", { title: take.title }), {
    action: { words: () => t("undo"), act },
    life: LIFE,
    over,
  });
  waiting.set(take.id, close);
}

addEventListener("pagehide", () => {
  for (const [id, close] of waiting) {
    close();
    void deleteTake(id, true);
  }
  waiting.clear();
});
