/** @typedef {(blob: Blob, ms: number, options?: { logger?: false }) => Promise<Blob>} Fix */
/**
 * *blob* as it is, except for a WebM: that one with its duration.
 * @param {Blob} blob
 * @param {number} seconds
 * @returns {Promise<Blob>}
 */
export function withDuration(blob: Blob, seconds: number): Promise<Blob>;
export type Fix = (blob: Blob, ms: number, options?: {
    logger?: false;
}) => Promise<Blob>;
