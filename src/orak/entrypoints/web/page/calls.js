// @ts-check
/** API calls as the signed-in user, through the browser client. */
import { Api, OrakError } from "../client/api.js";
import { Records } from "../client/records.js";
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

/** Return the records of the current user. */
export const takes = () => new Records(orak());

/** Delete a take of the user of *api*. With *keepalive*, the request outlives the page. @param {Api} api @param {number} id @param {boolean} [keepalive] */
export async function deleteTake(api, id, keepalive = false) {
  try {
    await new Records(api).delete(id, { keepalive });
  } catch (failure) {
    if (!(failure instanceof OrakError && failure.status === 404)) throw failure; // already deleted
  }
}
