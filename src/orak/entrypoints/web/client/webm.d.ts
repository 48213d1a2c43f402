/** @typedef {(blob: Blob, ms: number, options?: { logger?: false }) => Promise<Blob>} Fix */
/**
 * Return a WebM file with its duration written into it, and any other *blob* unchanged.
 * @param {Blob} blob
 * @param {number} seconds
 * @returns {Promise<Blob>}
 */
export function withDuration(blob: Blob, seconds: number): Promise<Blob>;
export type Fix = (blob: Blob, ms: number, options?: {
    logger?: false;
}) => Promise<Blob>;
