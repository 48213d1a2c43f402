// @ts-check
/** Offering to finish takes that a closed tab left behind. */
import { byId, el } from "./element.js";
import { spokenLength } from "./formats.js";
import { t, words } from "./language.js";
import { notify } from "./notices.js";
import { ask } from "./question.js";
import { reasonOf } from "./take.js";

/** @typedef {import("../client/delivery.js").Delivery} Delivery */
/** @typedef {import("../client/recording-service.js").RecordingService} RecordingService */
/** @typedef {import("../client/takes.js").KeptTake} KeptTake */

/** @param {RecordingService} service @param {(delivery: Delivery) => void} finish */
export async function offerUnfinished(service, finish) {
  const takes = await service.unfinishedTakes().catch(() => []); // a private window keeps nothing
  byId("unfinished").replaceChildren(...takes.map((take) => offer(take, service, finish)));
}

/** @param {KeptTake} take @param {RecordingService} service @param {(delivery: Delivery) => void} finish */
function offer(take, service, finish) {
  const { seconds } = take;
  const lead = () =>
    seconds >= 1 ? t("unfinishedLead", { length: spokenLength(seconds) }) : t("unfinishedLeadUnknown");
  /** @param {() => Promise<void>} act */
  const answer = async (act) => {
    try {
      await act();
    } catch (failure) {
      notify(() => t("actionFailed", { reason: reasonOf(failure) }), { kind: "error" });
    }
    card.remove();
    byId("record").focus();
  };
  const discard = async () => {
    const sure = await ask({ heading: "discardHeading", lead: "discardLead", yes: "discard", no: "keep" });
    if (sure) await answer(() => service.discardTake(take.id));
  };
  const card = el(
    "section",
    { class: "rescue", label: words("unfinishedHeading") },
    el("h2", { text: words("unfinishedHeading") }),
    el("p", { text: lead }),
    el(
      "div",
      { class: "answers" },
      el("button", {
        type: "button",
        class: "solid",
        text: words("finish"),
        onclick: () => answer(async () => finish(await service.takeUp(take.id))),
      }),
      el("button", { type: "button", class: "outlined", text: words("discard"), onclick: discard }),
    ),
  );
  return card;
}
