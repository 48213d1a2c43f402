// @ts-check
/** The studio: what stands where, and who tells whom. */
import { abandonAll, anyArriving, Arrival } from "./arrivals.js";
import { keepDoor } from "./door.js";
import { byId } from "./element.js";
import { takeFiles } from "./files.js";
import { when } from "./formats.js";
import { followLanguage, t } from "./language.js";
import { Microphone } from "./microphone.js";
import { offerUnfinished } from "./rescue.js";
import { Sending } from "./sending.js";
import { isOperator, token } from "./session.js";
import { Shelf } from "./shelf.js";
import { Stage } from "./stage.js";
import { Updates } from "./updates.js";

/** @typedef {import("./calls.js").Take} Take */
/** @typedef {import("./microphone.js").Sung} Sung */

followLanguage(byId("language"));
const shelf = new Shelf();
const updates = new Updates(shelf);
const stage = new Stage(
  new Microphone({
    sung: receive,
    lost: (take) => {
      stage.ended(new DOMException("", "NotFoundError"));
      receive(take);
    },
  }),
);

/** A take of one's own goes on its way, and is kept on the device until it is there. @param {Sung} take */
function receive({ blob, seconds, keeping }) {
  const sending = new Sending(blob, null, seconds);
  const name = () => t("ownTake", { when: when(keeping.take.beganAt) });
  const over = (/** @type {boolean} */ done) => (done ? void keeping.forget() : keeping.letGo());
  new Arrival(name, name(), (asking) => sending.run(asking), arrived, over).focus();
}

/** @param {File[]} files */
function receiveFiles(files) {
  for (const file of files.toReversed()) {
    const sending = new Sending(file, file.name, null);
    const suggestion = file.name.replace(/\.[^.]*$/, "");
    new Arrival(() => file.name, suggestion, (asking) => sending.run(asking), arrived).focus();
  }
}

/** @param {Take} take */
function arrived(take) {
  shelf.put(take);
  updates.soon();
}

takeFiles(receiveFiles, () => token() !== null);

addEventListener("beforeunload", (event) => {
  if (stage.recording || anyArriving()) event.preventDefault();
});

keepDoor({
  behind: byId("studio"),
  enter: () => {
    byId("to-operators").hidden = !isOperator();
    updates.begin();
    void offerUnfinished(receive);
  },
  leave: () => {
    updates.end();
    stage.abandon();
    abandonAll();
    shelf.clear();
    byId("to-operators").hidden = true;
  },
});
