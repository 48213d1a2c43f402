// @ts-check
/** Live status of the user's records, by WebSocket, or by polling where WebSockets are blocked. */
import { OrakError } from "./api.js";
import { untilAnotherTry, untilOnline } from "./network.js";

/**
 * @typedef {object} LiveStep
 * @property {number | null} eventId null if it was polled
 * @property {number} recordId
 * @property {number} uploadId
 * @property {"COMPLETED" | "PROCESSING" | "FAILED"} processingStatus
 * @property {number} progress 0 to 100
 * @property {string} at
 * @property {boolean} [deleted]
 */

/** @typedef {"connecting" | "live" | "polling" | "closed"} LiveState */

/**
 * @typedef {object} LiveOptions
 * @property {(step: LiveStep) => void} onStep
 * @property {(state: LiveState) => void} [onState]
 * @property {number} [lastEventId] resume after this event
 * @property {number} [pollEvery] milliseconds; default: 2 000
 */

const ROUNDS_PER_POLL_WHILE_LIVE = 15; // polled even then: a dead connection looks like a quiet one

/** A subscription to the user's records. */
export class Live {
  #api;
  #onStep;
  #onState;
  #lastEventId;
  #pollEvery;
  /** @type {LiveState} */
  #state = "connecting";
  #ending = new AbortController();
  /** The records to poll, with their last ETags. @type {Map<number, string>} */
  #followed = new Map();

  /** Connect at once. @param {import("./api.js").Api} api @param {LiveOptions} options */
  constructor(api, { onStep, onState, lastEventId, pollEvery = 2_000 }) {
    this.#api = api;
    this.#onStep = onStep;
    this.#onState = onState;
    this.#lastEventId = lastEventId;
    this.#pollEvery = pollEvery;
    void this.#connect();
    void this.#poll();
  }

  get state() {
    return this.#state;
  }

  /** Poll this record too: every round without a WebSocket, rarely with one. @param {number} recordId */
  follow(recordId) {
    if (!this.#followed.has(recordId)) this.#followed.set(recordId, "");
  }

  /** @param {number} recordId */
  unfollow(recordId) {
    this.#followed.delete(recordId);
  }

  close() {
    this.#ending.abort(new DOMException("closed", "AbortError"));
    this.#change("closed");
  }

  async #connect() {
    const { signal } = this.#ending;
    for (let failed = 0; !signal.aborted; ) {
      const wasOpen = await this.#listen().catch(() => false);
      if (signal.aborted) return;
      failed = wasOpen ? 0 : failed + 1;
      this.#change(wasOpen ? "connecting" : "polling");
      await untilAnotherTry(undefined, failed, { signal }).catch(() => undefined);
    }
  }

  /** Listen until the connection ends; return whether it was ever open. @returns {Promise<boolean>} */
  async #listen() {
    const { signal } = this.#ending;
    const url = new URL(`${this.#api.home}/live`);
    url.protocol = url.protocol.replace("http", "ws");
    if (this.#lastEventId !== undefined) url.searchParams.set("lastEventId", String(this.#lastEventId));
    // The only header that a page can set here; a token in the URL would end up in logs.
    const socket = new WebSocket(url, ["bearer", await this.#api.bearer()]);
    const end = () => socket.close();
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    addEventListener("offline", end); // a new network does not revive this socket, and it would not notice
    return new Promise((resolve) => {
      let wasOpen = false;
      socket.onopen = () => {
        wasOpen = true;
        this.#change("live");
      };
      socket.onmessage = ({ data }) => {
        /** @type {LiveStep} */
        const step = JSON.parse(data);
        if (step.eventId !== null) this.#lastEventId = step.eventId;
        this.#onStep(step);
      };
      socket.onclose = () => {
        signal.removeEventListener("abort", end);
        removeEventListener("offline", end);
        resolve(wasOpen);
      };
    });
  }

  async #poll() {
    const { signal } = this.#ending;
    for (let [round, failures] = [1, 0]; !signal.aborted; round += 1) {
      const failure = this.#state === "polling" || round % ROUNDS_PER_POLL_WHILE_LIVE === 0 ? await this.#pollAll() : undefined;
      failures = failure ? failures + 1 : 0;
      const pause = failure ? untilAnotherTry(failure, failures, { signal }) : untilOnline(this.#pollEvery, signal);
      await pause.catch(() => undefined);
    }
  }

  /** Poll the followed records until one fails; return that failure. @returns {Promise<unknown>} */
  async #pollAll() {
    try {
      for (const id of [...this.#followed.keys()]) await this.#pollOne(id);
      return undefined;
    } catch (failure) {
      return failure;
    }
  }

  /** @param {number} recordId */
  async #pollOne(recordId) {
    const { signal } = this.#ending;
    const known = this.#followed.get(recordId);
    try {
      const headers = known ? { "If-None-Match": known } : undefined;
      const answer = await this.#api.call("GET", `/${recordId}`, { headers, signal });
      if (answer.status === 304 || !this.#followed.has(recordId)) return;
      this.#followed.set(recordId, answer.headers.get("ETag") ?? "");
      const { uploadId, processingStatus, progress, updatedAt } = await answer.json();
      this.#onStep({ eventId: null, recordId, uploadId, processingStatus, progress, at: updatedAt });
    } catch (failure) {
      if (!(failure instanceof OrakError && failure.status === 404)) throw failure;
      this.unfollow(recordId);
      const at = new Date().toISOString();
      this.#onStep({ eventId: null, recordId, uploadId: 0, processingStatus: "FAILED", progress: 0, at, deleted: true });
    }
  }

  /** @param {LiveState} state */
  #change(state) {
    if (this.#state === state || this.#state === "closed") return;
    this.#state = state;
    this.#onState?.(state);
  }
}
