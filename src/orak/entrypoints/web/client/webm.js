// @ts-check
/** Writing the duration into WebM files: a file recorded in chunks has none. */
// @ts-ignore a script, not a module: bundlers provide a default export, browsers a global
import * as loaded from "./vendor/fix-webm-duration/fix-webm-duration.js";

const script = /** @type {{ default?: Fix }} */ (/** @type {unknown} */ (loaded));

/** @typedef {(blob: Blob, ms: number, options?: { logger?: false }) => Promise<Blob>} Fix */

/**
 * Return a WebM file with its duration written into it, and any other *blob* unchanged.
 * @param {Blob} blob
 * @param {number} seconds
 * @returns {Promise<Blob>}
 */
export async function withDuration(blob, seconds) {
  if (!/^(audio|video)\/webm/.test(blob.type) || !(seconds > 0)) return blob;
  const fix = script.default ?? /** @type {{ ysFixWebmDuration?: Fix }} */ (globalThis).ysFixWebmDuration;
  return fix ? fix(blob, seconds * 1000, { logger: false }) : blob;
}
