// @ts-check
/** API calls as the signed-in user, through the browser client. */
import { Api, OrakError } from "../client/api.js";
import { language } from "./language.js";
import { token } from "./session.js";

/** @typedef {import("../client/api.js").RecordResponse} Take */

/** Base of all URLs: a proxy may serve the page below a path. */
export const HOME = new URL(".", document.baseURI);

/** @type {Set<() => void>} */
const refused = new Set();

/** Call *listener* when orak refuses the token. @param {() => void} listener */
export const onRefusedToken = (listener) => refused.add(listener);

/** The calls of one user. They keep that user's token after sign-out, to finish what the user started. */
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

/** Return the API of the current user. @returns {Api} */
export function orak() {
  const now = token() ?? "";
  if (signedIn.token !== now) signedIn = new SignedIn(now);
  return signedIn;
}

/** Return one page of the user's takes, newest first. @param {string | null} cursor @param {number} limit */
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

/** Delete a take. With *keepalive*, the request outlives the page. @param {Api} api @param {number} id @param {boolean} [keepalive] */
export async function deleteTake(api, id, keepalive = false) {
  try {
    await api.call("DELETE", `/${id}`, { keepalive });
  } catch (failure) {
    if (!(failure instanceof OrakError && failure.status === 404)) throw failure; // already deleted
  }
}

/** Return the cursor of the next page from the `Link` header (RFC 8288). @param {Response} answer */
export function nextCursor(answer) {
  const link = /<([^>]+)>;\s*rel="next"/.exec(answer.headers.get("Link") ?? "");
  return link ? new URL(link[1], HOME).searchParams.get("cursor") : null;
}
