// @ts-check
/** Calls to orak, by its own client, as whoever is signed in. */
import { Api, OrakError } from "../client/api.js";
import { language } from "./language.js";
import { token } from "./session.js";

/** @typedef {import("../client/api.js").RecordResponse} Take */

/** Everything is relative to the page, which may stand below a path of its host. */
export const HOME = new URL(".", document.baseURI);

/** @type {Set<() => void>} */
const refused = new Set();

/** Be told when the token is not taken any more. @param {() => void} listener */
export const onRefusedToken = (listener) => refused.add(listener);

/** One person's calls, also after they have gone: what they began ends as theirs. */
class SignedIn extends Api {
  /** @param {string} token */
  constructor(token) {
    super({ token, baseUrl: HOME.href, language });
  }

  /** @param {string} method @param {string} path @param {import("../client/api.js").CallOptions} [options] */
  async call(method, path, options) {
    try {
      return await super.call(method, path, options);
    } catch (failure) {
      const isOut = failure instanceof OrakError && failure.status === 401 && this.token === token();
      if (isOut) for (const listener of refused) listener();
      throw failure;
    }
  }
}

let signedIn = new SignedIn("");

/** orak, for who is signed in now. @returns {Api} */
export function orak() {
  const now = token() ?? "";
  if (signedIn.token !== now) signedIn = new SignedIn(now);
  return signedIn;
}

/** One page of the caller's takes, newest first. @param {string | null} cursor @param {number} limit */
export async function listTakes(cursor, limit) {
  const query = new URLSearchParams({ limit: String(limit) });
  if (cursor) query.set("cursor", cursor);
  const answer = await orak().call("GET", `/me?${query}`);
  return { takes: /** @type {Take[]} */ (await answer.json()), next: nextCursor(answer) };
}

/** @param {number} id @returns {Promise<Take>} */
export const getTake = (id) => orak().json("GET", `/${id}`);

/** @param {number} id @param {string} title @returns {Promise<Take>} */
export const renameTake = (id, title) => orak().json("PATCH", `/${id}`, { json: { title } });

/** @param {number} id @returns {Promise<Take>} */
export const retryTake = (id) => orak().json("POST", `/${id}/retry`);

/** Delete a take; *keepalive* also as the page goes away. @param {Api} api @param {number} id @param {boolean} [keepalive] */
export async function deleteTake(api, id, keepalive = false) {
  try {
    await api.call("DELETE", `/${id}`, { keepalive });
  } catch (failure) {
    if (!(failure instanceof OrakError && failure.status === 404)) throw failure; // gone is what was asked for
  }
}

/** The cursor of the `Link` header (RFC 8288). @param {Response} answer */
export function nextCursor(answer) {
  const link = /<([^>]+)>;\s*rel="next"/.exec(answer.headers.get("Link") ?? "");
  return link ? new URL(link[1], HOME).searchParams.get("cursor") : null;
}
