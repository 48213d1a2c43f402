// @ts-check
/** Offering to finish takes that a closed tab left behind. */
import { byId, el } from "./element.js";
import { spokenLength } from "./formats.js";
import { t, words } from "./language.js";
import { takeUp, unfinishedTakes } from "./keeping.js";
import { ask } from "./question.js";
import { subject } from "./session.js";

/** @typedef {import("./keeping.js").KeptTake} KeptTake */
/** @typedef {import("./microphone.js").Sung} Sung */

/** @param {(take: Sung) => void} finish */
export async function offerUnfinished(finish) {
  const takes = await unfinishedTakes(subject());
  byId("unfinished").replaceChildren(...takes.map((take) => offer(take, finish)));
}

/** @param {KeptTake} take @param {(take: Sung) => void} finish */
function offer(take, finish) {
  const { seconds } = take;
  const lead = () =>
    seconds >= 1 ? t("unfinishedLead", { length: spokenLength(seconds) }) : t("unfinishedLeadUnknown");
  const end = () => {
    card.remove();
    byId("record").focus();
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
        onclick: async () => {
          const { blob, keeping } = await takeUp(take);
          end();
          finish({ blob, seconds, keeping });
        },
      }),
      el("button", {
        type: "button",
        class: "outlined",
        text: words("discard"),
        onclick: async () => {
          const sure = await ask({ heading: "discardHeading", lead: "discardLead", yes: "discard", no: "keep" });
          if (!sure) return;
          const { keeping } = await takeUp(take);
          await keeping.forget();
          end();
        },
      }),
    ),
  );
  return card;
}
