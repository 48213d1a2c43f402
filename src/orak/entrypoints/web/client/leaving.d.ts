/**
 * Ask for as long as *work* takes, and no longer: a listener that stays keeps pages out of the back/forward cache.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export function guarded<T>(work: () => Promise<T>): Promise<T>;
