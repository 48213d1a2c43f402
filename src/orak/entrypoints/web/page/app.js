// @ts-check
/** The studio page: creates its parts and connects them. */
import { FileUploadService } from "../client/file-upload-service.js";
import { RecordingService } from "../client/recording-service.js";
import { Takes } from "../client/takes.js";
import { abandonAll, Arrival, filesInProgress, hasUploads } from "./arrivals.js";
import { orak } from "./calls.js";
import { deleteNow } from "./deletions.js";
import { requireSignIn } from "./door.js";
import { byId } from "./element.js";
import { takeFiles } from "./files.js";
import { when } from "./formats.js";
import { followLanguage, t } from "./language.js";
import { notify } from "./notices.js";
import { offerUnfinished } from "./rescue.js";
import { isOperator, subject, token } from "./session.js";
import { Shelf } from "./shelf.js";
import { Stage } from "./stage.js";
import { reasonOf } from "./take.js";
import { Updates } from "./updates.js";

/** @typedef {import("../client/delivery.js").Delivery} Delivery */
/** @typedef {import("./calls.js").Take} Take */

followLanguage(byId("language"));
const shelf = new Shelf();
const updates = new Updates(shelf);
const stage = new Stage(receive);

/** Upload a recording. It stays on the device until its record exists. @param {Delivery} delivery */
function receive(delivery) {
  const name = () => t("ownTake", { when: when(delivery.take?.beganAt ?? Date.now()) });
  new Arrival(name, name(), delivery, arrived).focus();
}

/** @param {{ file: File, title: string }[]} files */
function receiveFiles(files) {
  const service = new FileUploadService({ api: orak() });
  const isTyping = byId("arrivals").contains(document.activeElement); // do not move the focus from a title
  for (const { file, title } of files.toReversed()) {
    try {
      const delivery = service.prepare(file);
      const arrival = new Arrival(() => file.name, title, delivery, arrived);
      if (!isTyping) arrival.focus();
    } catch (failure) {
      notify(() => `${file.name}: ${reasonOf(failure)}`, { kind: "error" });
    }
  }
}

/** @param {Take} take */
function arrived(take) {
  shelf.put(take);
  updates.refreshSoon();
}

/** Aborts when the user signs out. */
let visit = new AbortController();
/** Resolves when the recordings of the previous user are released. @type {Promise<unknown>} */
let released = Promise.resolve();

/**
 * Files whose upload ended with the token of their user; it begins again when the same user signs in.
 * @type {{ user: string, files: { file: File, title: string }[] }}
 */
let unsent = { user: "", files: [] };
/** The id of the signed-in user. */
let user = "";

/** @param {File[]} files */
const titled = (files) => files.map((file) => ({ file, title: file.name.replace(/\.[^.]*$/, "") }));

takeFiles((files) => receiveFiles(titled(files)), () => token() !== null);

addEventListener("beforeunload", (event) => {
  if (stage.recording || hasUploads()) event.preventDefault();
});

requireSignIn({
  content: byId("studio"),
  maySignOut: () => !stage.recording,
  onSignIn: () => {
    byId("to-operators").hidden = !isOperator();
    // Each user of this browser has a database of their own.
    const service = new RecordingService({ api: orak(), takes: new Takes(`orak-client.${subject()}`) });
    stage.open(service);
    visit = new AbortController();
    const { signal } = visit;
    user = subject();
    if (unsent.user === user) receiveFiles(unsent.files);
    unsent = { user, files: [] };
    updates.begin();
    void released.then(() => offerUnfinished(service, receive, signal));
  },
  onSignOut: (isRefused) => {
    if (isRefused) unsent = { user, files: filesInProgress() };
    updates.end();
    visit.abort();
    deleteNow();
    released = Promise.allSettled([stage.close(), abandonAll()]);
    shelf.clear();
    byId("unfinished").replaceChildren();
    byId("to-operators").hidden = true;
  },
});
