// @ts-check
/** Having the browser ask before a page is left that has something to lose. */

let reasons = 0;
/** @param {BeforeUnloadEvent} event */
const ask = (event) => event.preventDefault();

/**
 * Ask for as long as *work* takes, and no longer: a listener that stays keeps pages out of the back/forward cache.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function guarded(work) {
  if (reasons++ === 0) addEventListener("beforeunload", ask);
  try {
    return await work();
  } finally {
    if (--reasons === 0) removeEventListener("beforeunload", ask);
  }
}
