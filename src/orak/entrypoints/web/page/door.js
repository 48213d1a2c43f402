// @ts-check
/** Coming in with a token, and going out. */
import { onRefusedToken } from "./calls.js";
import { byId, say } from "./element.js";
import { words } from "./language.js";
import { signIn, signOut, takeTokenFromAddress, token } from "./session.js";

/**
 * Keep the door: what is behind it shows while there is a token.
 * @param {{ behind: HTMLElement, enter: () => void, leave: () => void, mayLeave?: () => boolean }} room `mayLeave`:
 *   whether a refused token leads out at once; the next refusal asks again
 */
export function keepDoor({ behind, enter, leave, mayLeave = () => true }) {
  const field = /** @type {HTMLInputElement} */ (byId("token"));
  const problem = byId("token-problem");
  const show = () => {
    const inside = token() !== null;
    byId("door").hidden = inside;
    behind.hidden = !inside;
    byId("sign-out").hidden = !inside;
    if (inside) enter();
  };
  const goOut = () => {
    signOut();
    leave();
    show();
    field.focus();
  };
  byId("door-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!field.value.trim()) {
      say(problem, words("tokenMissing"));
      return field.focus();
    }
    signIn(field.value);
    field.value = "";
    say(problem, () => "");
    show();
    byId("language").focus(); // the field that had it is gone
  });
  byId("sign-out").addEventListener("click", goOut);
  onRefusedToken(() => {
    if (token() === null || !mayLeave()) return; // the first of several refusals has shown them out
    goOut();
    say(problem, words("tokenRefused"));
  });
  addEventListener("hashchange", () => {
    const before = token();
    takeTokenFromAddress();
    if (token() === before) return;
    leave();
    show();
  });
  takeTokenFromAddress();
  show();
}
