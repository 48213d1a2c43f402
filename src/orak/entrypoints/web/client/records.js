// @ts-check
/** The user's records: creating, listing, changing and deleting them. */
import { Api, isPassing, newKey, OrakError } from "./api.js";
import { untilAnotherTry } from "./network.js";

/** @typedef {import("./api.js").RecordResponse} RecordResponse */

/**
 * @typedef {object} NewRecord
 * @property {string} title
 * @property {number} uploadId
 * @property {number | null} [songId]
 * @property {number | null} [durationSeconds]
 */

/**
 * @typedef {object} CreateOptions
 * @property {string} [key] Idempotency-Key; default: a new one
 * @property {AbortSignal} [signal] ends the retries, but not a request in progress: its outcome would be unknown
 * @property {(waiting: boolean) => void} [onWaiting] true when the call waits for the network, false when it continues
 */

/** @typedef {RecordResponse[] & { next: string | null }} RecordPage `next`: the cursor of the next page, or null */

const TRIES = 6;

/** The records of the user whose token the API has. */
export class Records {
  #api;

  /** @param {Api} api */
  constructor(api) {
    this.#api = api;
  }

  /**
   * Return the records, newest first: all of them, up to 1,000, or a page of *limit*.
   * @param {{ limit?: number, cursor?: string | null, signal?: AbortSignal }} [options] `limit`: 1 to 200; `cursor`: the
   *   `next` of the page before
   * @returns {Promise<RecordPage>}
   */
  async list({ limit, cursor, signal } = {}) {
    const query = new URLSearchParams();
    if (limit !== undefined) query.set("limit", String(limit));
    if (cursor) query.set("cursor", cursor);
    const answer = await this.#api.call("GET", query.size ? `/me?${query}` : "/me", { signal });
    return Object.assign(await answer.json(), { next: nextCursor(answer) });
  }

  /** @param {number} id @returns {Promise<RecordResponse>} */
  get(id) {
    return this.#api.json("GET", `/${id}`);
  }

  /** @param {number} id @param {string} title @returns {Promise<RecordResponse>} */
  rename(id, title) {
    return this.#api.json("PATCH", `/${id}`, { json: { title } });
  }

  /**
   * Delete a record with its audio. Throws `OrakError` with status 404 if it is gone already.
   * @param {number} id
   * @param {{ keepalive?: boolean }} [options] `keepalive`: the request outlives the page
   * @returns {Promise<void>}
   */
  async delete(id, { keepalive } = {}) {
    await this.#api.call("DELETE", `/${id}`, { keepalive });
  }

  /** Convert a failed record again. @param {number} id @returns {Promise<RecordResponse>} */
  retry(id) {
    return this.#api.json("POST", `/${id}/retry`);
  }

  /**
   * Create the record of an upload; retry while orak cannot be reached. Throws `OrakError`. If an earlier try has
   * succeeded and its answer was lost, that record is returned.
   * @param {NewRecord} record
   * @param {CreateOptions} [options]
   * @returns {Promise<RecordResponse>}
   */
  async create({ title, uploadId, songId, durationSeconds }, { key = newKey(), signal, onWaiting } = {}) {
    const json = {
      title,
      uploadId,
      ...(songId === null || songId === undefined ? {} : { songId }),
      ...wholeSeconds(durationSeconds),
    };
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#api.json("POST", "", { json, key });
      } catch (failure) {
        if (failure instanceof OrakError && failure.status === 409) {
          const record = await this.ofUpload(uploadId).catch(() => undefined);
          if (record) return record;
          throw failure;
        }
        if (signal?.aborted || !isPassing(failure) || tries >= TRIES) throw failure;
        await untilAnotherTry(failure, tries, { signal, onWaiting });
      }
    }
  }

  /** Return the record of an upload, or undefined if it has none. @param {number} uploadId */
  async ofUpload(uploadId) {
    const { recordId } = await this.#api.json("GET", `/uploads/${uploadId}`);
    return recordId === null ? undefined : this.get(recordId);
  }
}

/** The records of the user whose token `configure` has set. */
export const records = new Records(new Api());

/**
 * Return the field of a duration. JSON has no Infinity: an unknown duration is left out.
 * @param {number | null | undefined} seconds
 * @returns {{ durationSeconds?: number }}
 */
export function wholeSeconds(seconds) {
  return Number.isFinite(seconds) ? { durationSeconds: Math.floor(Number(seconds)) } : {};
}

/** Return the cursor of the next page from the `Link` header (RFC 8288). @param {Response} answer */
export function nextCursor(answer) {
  const link = /<([^>]+)>;\s*rel="next"/.exec(answer.headers.get("Link") ?? "");
  return link ? new URL(link[1], location.href).searchParams.get("cursor") : null;
}
