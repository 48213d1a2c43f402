// @ts-check
/** Durations written into WebM: one that was recorded in pieces does not say how long it is. */
// @ts-ignore a script, not a module: bundlers give it a default export, browsers a global
import * as loaded from "./vendor/fix-webm-duration/fix-webm-duration.js";

const script = /** @type {{ default?: Fix }} */ (/** @type {unknown} */ (loaded));

/** @typedef {(blob: Blob, ms: number, options?: { logger?: false }) => Promise<Blob>} Fix */

/**
 * *blob* as it is, except for a WebM: that one with its duration.
 * @param {Blob} blob
 * @param {number} seconds
 * @returns {Promise<Blob>}
 */
export async function withDuration(blob, seconds) {
  if (!/^(audio|video)\/webm/.test(blob.type) || !(seconds > 0)) return blob;
  const fix = script.default ?? /** @type {{ ysFixWebmDuration?: Fix }} */ (globalThis).ysFixWebmDuration;
  return fix ? fix(blob, seconds * 1000, { logger: false }) : blob;
}
