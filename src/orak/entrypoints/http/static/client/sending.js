// @ts-check
/** An upload and its name at the same time; a record only of what has arrived, and only once. */
import { isPassing, OrakError } from "./api.js";
import { untilOnline } from "./upload.js";

/** @typedef {import("./api.js").Api} Api */
/** @typedef {import("./api.js").RecordResponse} RecordResponse */
/** @typedef {import("./upload.js").Upload} Upload */
/** @typedef {import("./upload.js").UploadOptions} UploadOptions */

/** @typedef {(signal: AbortSignal) => Promise<string | null> | string | null} AskTitle null, or a rejection, gives up */

/**
 * @typedef {object} NewRecord
 * @property {string} title
 * @property {number} uploadId
 * @property {number | null} [songId]
 * @property {number | null} [durationSeconds]
 */

const TRIES = 6;

/** There is nothing in it: no upload was begun. */
export class EmptyTakeError extends Error {
  name = "EmptyTakeError";
}

/**
 * Send with *askTitle* asking at the same time. When either fails, the other one is aborted.
 * @param {Upload} upload
 * @param {AskTitle} askTitle its signal aborts when nobody needs a title any more
 * @param {UploadOptions} options
 * @returns {Promise<string>} the title
 */
export async function sendAndAsk(upload, askTitle, { signal, ...options }) {
  const ending = new AbortController();
  const pass = () => ending.abort(signal?.reason);
  if (signal?.aborted) pass();
  signal?.addEventListener("abort", pass, { once: true });
  const asked = Promise.resolve()
    .then(() => askTitle(ending.signal))
    .then((title) => {
      if (title === null || title === undefined) throw new DOMException("no title was given", "AbortError");
      return title;
    });
  const aborted = new Promise((_, reject) => {
    const end = () => reject(ending.signal.reason);
    if (ending.signal.aborted) end();
    ending.signal.addEventListener("abort", end, { once: true });
  });
  aborted.catch(() => undefined);
  const sent = upload.run({ ...options, signal: ending.signal });
  try {
    // A dialog that does not look at its signal is not waited for.
    const [title] = await Promise.all([Promise.race([asked, /** @type {Promise<never>} */ (aborted)]), sent]);
    return title;
  } catch (failure) {
    ending.abort(failure);
    await Promise.allSettled([sent]);
    throw failure;
  } finally {
    signal?.removeEventListener("abort", pass);
  }
}

/**
 * Create the record, trying again while orak is out of reach. Raises `OrakError`.
 * @param {Api} api
 * @param {NewRecord} record
 * @param {{ key: string, signal?: AbortSignal }} options `key`: however often it is tried with it, it is created once
 * @returns {Promise<RecordResponse>}
 */
export async function createRecord(api, { title, uploadId, songId, durationSeconds }, { key, signal }) {
  const json = {
    title,
    uploadId,
    ...(songId === null || songId === undefined ? {} : { songId }),
    ...(Number.isFinite(durationSeconds) ? { durationSeconds: Math.round(Number(durationSeconds)) } : {}),
  };
  for (let tries = 1; ; tries += 1) {
    try {
      return await api.json("POST", "", { json, key, signal });
    } catch (failure) {
      if (failure instanceof OrakError && failure.status === 409) {
        const record = await recordOf(api, uploadId, signal);
        if (record) return record;
      }
      if (signal?.aborted || !isPassing(failure) || tries >= TRIES) throw failure;
      await untilOnline(Math.min(30_000, 250 * 2 ** tries), signal);
    }
  }
}

/** The record that an upload has already. @param {Api} api @param {number} uploadId @param {AbortSignal} [signal] */
async function recordOf(api, uploadId, signal) {
  const { recordId } = await api.json("GET", `/uploads/${uploadId}`, { signal });
  return recordId === null ? undefined : api.json("GET", `/${recordId}`, { signal });
}
