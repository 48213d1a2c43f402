/**
 * Run *work*, with a confirmation while it runs. The listener goes afterwards: it would keep the page out of the
 * back/forward cache.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export function confirmLeavingDuring<T>(work: () => Promise<T>): Promise<T>;
