// @ts-check
/** Signing in with a token, and signing out. */
import { onRefusedToken } from "./calls.js";
import { byId, setText } from "./element.js";
import { words } from "./language.js";
import { signIn, signOut, takeTokenFromAddress, token } from "./session.js";

/**
 * Show *content* while there is a token, and the sign-in form otherwise.
 * @param {{ content: HTMLElement, onSignIn: () => void, onSignOut: (isRefused: boolean) => void,
 *   maySignOut?: () => boolean }} options `isRefused`: whether orak refused the token; `maySignOut`: called then, false
 *   postpones the sign-out to the next refusal
 */
export function requireSignIn({ content, onSignIn, onSignOut, maySignOut = () => true }) {
  const field = /** @type {HTMLInputElement} */ (byId("token"));
  const problem = byId("token-problem");
  const show = () => {
    const isSignedIn = token() !== null;
    byId("door").hidden = isSignedIn;
    content.hidden = !isSignedIn;
    byId("sign-out").hidden = !isSignedIn;
    if (isSignedIn) onSignIn();
  };
  const leave = (isRefused = false) => {
    signOut();
    onSignOut(isRefused);
    show();
    field.focus();
  };
  byId("door-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!field.value.trim()) {
      setText(problem, words("tokenMissing"));
      return field.focus();
    }
    signIn(field.value);
    field.value = "";
    setText(problem, () => "");
    show();
    byId("language").focus(); // the focused field is hidden now
  });
  byId("sign-out").addEventListener("click", () => leave());
  onRefusedToken(() => {
    if (token() === null || !maySignOut()) return; // an earlier refusal has signed the user out
    leave(true);
    setText(problem, words("tokenRefused"));
  });
  addEventListener("hashchange", () => {
    const before = token();
    takeTokenFromAddress();
    if (token() === before) return;
    onSignOut(false);
    show();
  });
  takeTokenFromAddress();
  show();
}
