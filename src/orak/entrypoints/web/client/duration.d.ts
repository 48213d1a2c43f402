/**
 * Whole seconds, rounded, as the browser's own decoder counts them; also of a WebM that does not say (it is sought to
 * its end). Rejects with `UndecodableError` for what the browser cannot play.
 * @param {Blob} file
 * @returns {Promise<number>}
 */
export function getDuration(file: Blob): Promise<number>;
/** The browser cannot play it, so nobody knows how long it is. */
export class UndecodableError extends Error {
}
