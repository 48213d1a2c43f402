/**
 * Return the duration in whole seconds, rounded down, as the browser's decoder reports it. For a WebM file without a
 * duration, the browser seeks to its end. Throws `UndecodableError` if the browser cannot decode the file.
 * @param {Blob} file
 * @returns {Promise<number>}
 */
export function getDuration(file: Blob): Promise<number>;
/** The browser cannot decode the file, so its duration is unknown. */
export class UndecodableError extends Error {
}
