// @ts-check
/** The browser's confirmation before the user leaves a page with unfinished work. */

let running = 0;
/** @param {BeforeUnloadEvent} event */
const ask = (event) => event.preventDefault();

/**
 * Run *work*, with a confirmation while it runs. The listener goes afterwards: it would keep the page out of the
 * back/forward cache.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function confirmLeavingDuring(work) {
  if (running++ === 0) addEventListener("beforeunload", ask);
  try {
    return await work();
  } finally {
    if (--running === 0) removeEventListener("beforeunload", ask);
  }
}
