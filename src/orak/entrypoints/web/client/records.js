// @ts-check
/** Creating records. */
import { isPassing, OrakError } from "./api.js";
import { untilAnotherTry } from "./network.js";

/** @typedef {import("./api.js").Api} Api */
/** @typedef {import("./api.js").RecordResponse} RecordResponse */

/**
 * @typedef {object} NewRecord
 * @property {string} title
 * @property {number} uploadId
 * @property {number | null} [songId]
 * @property {number | null} [durationSeconds]
 */

const TRIES = 6;

/**
 * Create the record; retry while orak cannot be reached. Throws `OrakError`. *signal* ends the retries but does not
 * abort a request in progress, because its outcome would be unknown.
 * @param {Api} api
 * @param {NewRecord} record
 * @param {{ key: string, signal?: AbortSignal, onWaiting?: (waiting: boolean) => void }} options `key`: the
 *   idempotency key; retries create one record only
 * @returns {Promise<RecordResponse>}
 */
export async function createRecord(api, { title, uploadId, songId, durationSeconds }, { key, signal, onWaiting }) {
  const json = {
    title,
    uploadId,
    ...(songId === null || songId === undefined ? {} : { songId }),
    ...(Number.isFinite(durationSeconds) ? { durationSeconds: Math.round(Number(durationSeconds)) } : {}),
  };
  for (let tries = 1; ; tries += 1) {
    try {
      return await api.json("POST", "", { json, key });
    } catch (failure) {
      if (failure instanceof OrakError && failure.status === 409) {
        const record = await recordOf(api, uploadId).catch(() => undefined);
        if (record) return record; // an earlier try succeeded, but its answer was lost
        throw failure;
      }
      if (signal?.aborted || !isPassing(failure) || tries >= TRIES) throw failure;
      await untilAnotherTry(failure, tries, { signal, onWaiting });
    }
  }
}

/** Return the record of an upload, or undefined if it has none. @param {Api} api @param {number} uploadId */
export async function recordOf(api, uploadId) {
  const { recordId } = await api.json("GET", `/uploads/${uploadId}`);
  return recordId === null ? undefined : api.json("GET", `/${recordId}`);
}
