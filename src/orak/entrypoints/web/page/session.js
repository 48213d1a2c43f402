// @ts-check
/** Whose page this is: a bearer token, for as long as the tab lives. */

const KEPT = "orak.token";

/** Take the token of `#token=…`, and take it out of the address bar and the history at once. */
export function takeTokenFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  history.replaceState(history.state, "", location.pathname + location.search);
  signIn(given);
}

/** What is kept where nothing may be: for as long as the page lives. @type {string | null} */
let held = null;

/** @returns {string | null} */
export function token() {
  try {
    return sessionStorage.getItem(KEPT) ?? held;
  } catch {
    return held;
  }
}

/** @param {string} given a token; whether it is good, the server says */
export function signIn(given) {
  const kept = given.trim().replace(/^Bearer\s+/i, "");
  try {
    sessionStorage.setItem(KEPT, kept);
  } catch {
    held = kept;
  }
}

export function signOut() {
  held = null;
  try {
    sessionStorage.removeItem(KEPT);
  } catch {
    // nothing was kept
  }
}

/** Whether the token says that it is an operator's; what it may do, the server decides. */
export function isOperator() {
  return /\badmin\b/.test(String(claims().scope ?? ""));
}

/** Who the token says it is for. @returns {string} */
export const subject = () => String(claims().sub ?? "");

/** @returns {Record<string, unknown>} */
function claims() {
  try {
    const part = (token() ?? "").split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (one) => one.charCodeAt(0))));
  } catch {
    return {};
  }
}
