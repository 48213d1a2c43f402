// @ts-check
/** The operators' page: conversion statistics, batch size and dead letters. */
import { OrakError } from "../client/api.js";
import { orak } from "./calls.js";
import { requireSignIn } from "./door.js";
import { byId, setText } from "./element.js";
import { when } from "./formats.js";
import { followLanguage, onLanguage, t, words } from "./language.js";
import { notify } from "./notices.js";
import { Numbers } from "./numbers.js";
import { reasonOf } from "./take.js";
import { UploadTable } from "./upload-table.js";

/** @typedef {import("./numbers.js").Statistics} Statistics */

const POLL_INTERVAL = 2000; // ms between readings of the counts
const READINGS_PER_LIST = 5; // the lists are read less often

const numbers = new Numbers(byId("numbers"));
const failures = new UploadTable(byId("failures"), "/batch/failures", "failuresEmpty", async (id) => {
  await orak().call("POST", `/batch/failures/${id}/retry`);
  notify(words("replayed", { id }));
  await read(true);
});
const orphans = new UploadTable(byId("orphans"), "/batch/orphans", "orphansEmpty");

const size = /** @type {HTMLInputElement} */ (byId("batch-size"));
let readings = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {boolean} lists whether to read the lists too */
async function read(lists) {
  /** @type {Statistics} */
  const statistics = await orak().json("GET", "/batch/statistics");
  numbers.show(statistics);
  byId("batch-off").hidden = statistics.batchEnabled;
  if (document.activeElement !== size && size.dataset.touched === undefined) size.value = String(statistics.batchSize);
  const now = new Date();
  setText(byId("updated"), () => t("updated", { when: when(now) }));
  if (lists) await Promise.all([failures.refresh(), orphans.refresh()]);
}

async function poll() {
  clearTimeout(timer);
  try {
    await read(readings % READINGS_PER_LIST === 0);
    readings += 1;
    setText(byId("connection"), () => "");
    showBoard(true);
  } catch (failure) {
    if (failure instanceof OrakError && failure.status === 401) return;
    if (failure instanceof OrakError && failure.status === 403) return showBoard(false);
    setText(byId("connection"), () => t("actionFailed", { reason: reasonOf(failure) }));
    showBoard(true);
  }
  timer = setTimeout(() => void poll(), document.hidden ? 10 * POLL_INTERVAL : POLL_INTERVAL);
}

/** @param {boolean} isOperator */
function showBoard(isOperator) {
  byId("board").hidden = !isOperator;
  byId("not-for-you").hidden = isOperator;
}

/** Run *act* and show a notice with its outcome. @param {() => Promise<unknown>} act @param {() => string} done */
async function act(act, done) {
  try {
    await act();
    notify(done);
    await read(false);
  } catch (failure) {
    notify(() => t("actionFailed", { reason: reasonOf(failure) }), { kind: "error" });
  }
}

byId("batch-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = size.value;
  delete size.dataset.touched;
  void act(
    () => orak().call("PUT", `/batch/size?${new URLSearchParams({ size: wanted })}`),
    words("sizeSet", { count: wanted }),
  );
});
size.addEventListener("input", () => (size.dataset.touched = ""));
byId("trigger").addEventListener("click", () => void act(() => orak().call("POST", "/batch/trigger"), words("triggered")));
onLanguage(() => void read(true).catch(() => undefined)); // failure messages come from the server in the new language

followLanguage(byId("language"));
requireSignIn({
  content: byId("operators"),
  onSignIn: () => {
    readings = 0;
    void poll();
  },
  onSignOut: () => {
    clearTimeout(timer);
    byId("board").hidden = true;
    byId("not-for-you").hidden = true;
    numbers.clear();
  },
});
