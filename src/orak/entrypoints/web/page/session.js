// @ts-check
/** The user's bearer token, stored until the tab is closed. */

const KEPT = "orak.token";

/** Read the token from `#token=…` and remove it from the address bar and the history. */
export function takeTokenFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  history.replaceState(history.state, "", location.pathname + location.search);
  signIn(given);
}

/** The token where storage is blocked, until the page is closed. @type {string | null} */
let held = null;

/** @returns {string | null} */
export function token() {
  try {
    return sessionStorage.getItem(KEPT) ?? held;
  } catch {
    return held;
  }
}

/** @param {string} given a token; the server checks it */
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
    // storage is blocked
  }
}

/** Whether the token claims the scope `admin`. The server decides what it may do. */
export function isOperator() {
  return /\badmin\b/.test(String(claims().scope ?? ""));
}

/** The user id in the token. @returns {string} */
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
