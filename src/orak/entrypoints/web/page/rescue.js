// @ts-check
/** Offering to finish recordings that a closed tab left on the device. */
import { byId, el } from "./element.js";
import { spokenLength } from "./formats.js";
import { t, words } from "./language.js";
import { notify } from "./notices.js";
import { ask } from "./question.js";
import { reasonOf } from "./take.js";

/** @typedef {import("../client/delivery.js").Delivery} Delivery */
/** @typedef {import("../client/recording-service.js").RecordingService} RecordingService */
/** @typedef {import("../client/takes.js").KeptTake} KeptTake */

/**
 * Offer the recordings on this device, and those that other tabs leave behind, until *signal* aborts.
 * @param {RecordingService} service
 * @param {(delivery: Delivery) => void} finish
 * @param {AbortSignal} signal
 */
export async function offerUnfinished(service, finish, signal) {
  const place = byId("unfinished");
  while (!signal.aborted) {
    const found = await service.unfinishedTakes().catch(() => []); // no IndexedDB in a private window
    if (signal.aborted) return;
    const takes = new Map(found.map((take) => [take.id, take]));
    for (const card of place.querySelectorAll("section")) {
      if (!takes.delete(card.dataset.id ?? "")) card.remove(); // another tab opened it
    }
    for (const take of takes.values()) place.append(offer(take, service, finish, signal));
    const round = new AbortController();
    await Promise.race([service.takes.released(round.signal), visibilityChanged(signal)]).catch(() => undefined);
    round.abort();
  }
}

/** Resolves when the page is shown or hidden, or *signal* aborts. @param {AbortSignal} signal @returns {Promise<unknown>} */
function visibilityChanged(signal) {
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", resolve, { once: true, signal });
    signal.addEventListener("abort", resolve, { once: true });
  });
}

/**
 * @param {KeptTake} take
 * @param {RecordingService} service
 * @param {(delivery: Delivery) => void} finish
 * @param {AbortSignal} signal
 */
function offer(take, service, finish, signal) {
  const { seconds } = take;
  const lead = () =>
    seconds >= 1 ? t("unfinishedLead", { length: spokenLength(seconds) }) : t("unfinishedLeadUnknown");
  /** @param {() => Promise<void>} act */
  const answer = async (act) => {
    card.inert = true; // only the first answer counts
    try {
      await act();
    } catch (failure) {
      notify(() => t("actionFailed", { reason: reasonOf(failure) }), { kind: "error" });
    }
    card.remove();
    byId("record").focus();
  };
  const takeUp = async () => {
    const delivery = await service.takeUp(take.id);
    if (signal.aborted) await delivery.letGo(); // the user has signed out
    else finish(delivery);
  };
  const discard = async () => {
    const sure = await ask({ heading: "discardHeading", lead: "discardLead", yes: "discard", no: "keep" });
    if (sure) await answer(() => service.discardTake(take.id));
  };
  const card = el(
    "section",
    { class: "rescue", label: words("unfinishedHeading"), "data-id": take.id },
    el("h2", { text: words("unfinishedHeading") }),
    el("p", { text: lead }),
    el(
      "div",
      { class: "answers" },
      el("button", {
        type: "button",
        class: "solid",
        text: words("finish"),
        onclick: () => answer(takeUp),
      }),
      el("button", { type: "button", class: "outlined", text: words("discard"), onclick: discard }),
    ),
  );
  return card;
}
