// @ts-check
/** Calls to orak, as whoever holds the session's token, in the page's language. */
import { language } from "./language.js";
import { token } from "./session.js";

/**
 * @typedef {object} Take a record, as orak sends it
 * @property {number} id
 * @property {string} title
 * @property {number} uploadId
 * @property {number | null} durationSeconds
 * @property {"COMPLETED" | "PROCESSING" | "FAILED"} processingStatus
 * @property {string | null} publicUrl
 * @property {string | null} waveformUrl
 * @property {string} createdAt
 * @property {{ code: string, message: string } | null} failure
 * @property {number} progress 0 to 100
 */

/** orak refused, or is out of reach (status 0). */
export class CallFailed extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Everything is relative to the page, which may stand below a path of its host. */
export const HOME = new URL(".", document.baseURI);

/** @type {Set<() => void>} */
const refused = new Set();

/** Be told when the token is not taken any more. @param {() => void} listener */
export const onRefusedToken = (listener) => refused.add(listener);

/**
 * @param {string} method
 * @param {string} path below `/records/async`, or a whole URL of orak's
 * @param {{ json?: unknown, keepalive?: boolean, key?: string, signal?: AbortSignal }} [options] `key`: a repeat with
 *   the same one has the same effect, once
 * @returns {Promise<Response>} a good answer; raises `CallFailed` for every other
 */
export async function call(method, path, { json, keepalive = false, key, signal } = {}) {
  const headers = new Headers({ Authorization: `Bearer ${token() ?? ""}`, "Accept-Language": language() });
  if (json !== undefined) headers.set("Content-Type", "application/json");
  if (key) headers.set("Idempotency-Key", key);
  const body = json === undefined ? undefined : JSON.stringify(json);
  let answer;
  try {
    answer = await fetch(new URL(`records/async${path}`, HOME), { method, headers, body, keepalive, signal });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new CallFailed(0, cause instanceof Error ? cause.message : String(cause));
  }
  if (answer.ok) return answer;
  if (answer.status === 401) for (const listener of refused) listener();
  throw new CallFailed(answer.status, await reason(answer));
}

/** One page of the caller's takes, newest first. @param {string | null} cursor @param {number} limit */
export async function listTakes(cursor, limit) {
  const query = new URLSearchParams({ limit: String(limit) });
  if (cursor) query.set("cursor", cursor);
  const answer = await call("GET", `/me?${query}`);
  return { takes: /** @type {Take[]} */ (await answer.json()), next: nextCursor(answer) };
}

/** @param {number} id @returns {Promise<Take>} */
export const getTake = async (id) => (await call("GET", `/${id}`)).json();

/** @param {number} id @param {string} title @returns {Promise<Take>} */
export const renameTake = async (id, title) => (await call("PATCH", `/${id}`, { json: { title } })).json();

/** @param {number} id @returns {Promise<Take>} */
export const retryTake = async (id) => (await call("POST", `/${id}/retry`)).json();

/** Delete a take; *keepalive* also as the page goes away. @param {number} id @param {boolean} [keepalive] */
export async function deleteTake(id, keepalive = false) {
  try {
    await call("DELETE", `/${id}`, { keepalive });
  } catch (failure) {
    if (!(failure instanceof CallFailed && failure.status === 404)) throw failure; // gone is what was asked for
  }
}

/** The cursor of the `Link` header (RFC 8288). @param {Response} answer */
export function nextCursor(answer) {
  const link = /<([^>]+)>;\s*rel="next"/.exec(answer.headers.get("Link") ?? "");
  return link ? new URL(link[1], HOME).searchParams.get("cursor") : null;
}

/** @param {Response} answer */
async function reason(answer) {
  try {
    return (await answer.json()).error.message;
  } catch {
    return `HTTP ${answer.status}`;
  }
}
