// @ts-check
/** Takes kept in IndexedDB while they are sung and sent: a closed tab or a crash costs the last second. */
import { newKey } from "./api.js";

/**
 * @typedef {object} KeptTake
 * @property {string} id
 * @property {string} mimeType
 * @property {number} beganAt ms since 1970
 * @property {number} seconds recorded
 * @property {number} [uploadId] its bytes are there: only the record is missing
 * @property {string} [title]
 * @property {string} [key] Idempotency-Key of its record
 * @property {number | null} [songId]
 */

/** @typedef {() => Promise<unknown>} LetGo resolves when it is let go */

const STORES = ["takes", "pieces"];

/** @param {string} id */
const piecesOf = (id) => IDBKeyRange.bound([id, 0], [id, Infinity]);
/** @param {string} id */
const lockOf = (id) => LOCKS + id;
const LOCKS = "orak-client.take.";

/** The locks of takes that tabs work on: those that are shared wait for others, for a moment. */
async function worked() {
  const held = (await navigator.locks?.query())?.held ?? [];
  const names = held.filter(({ mode }) => mode === "exclusive").map(({ name }) => String(name));
  return new Set(names.filter((name) => name.startsWith(LOCKS)));
}

const nothingHeld = async () => undefined;

/** One take in the making. What cannot be kept (a private window, a full disk) is recorded all the same. */
export class KeptPieces {
  /** @param {Takes} takes @param {KeptTake} take @param {Promise<LetGo>} holding */
  constructor(takes, take, holding) {
    this.takes = takes;
    this.take = take;
    this.number = 0;
    /** @type {Promise<unknown>} */
    this.written = Promise.resolve();
    /** Why it could not be kept, if so. @type {unknown} */
    this.failure = undefined;
    this.holding = holding;
  }

  /** Keep one more piece. @param {Blob} piece @param {Partial<KeptTake>} known of the take with it */
  add(piece, known) {
    const number = this.number++;
    return this.write(known, (pieces) => pieces.put({ take: this.take.id, number, piece }));
  }

  /** Keep what else became known of it. @param {Partial<KeptTake>} known */
  note(known) {
    return this.write(known);
  }

  /** @param {Partial<KeptTake>} known @param {(pieces: IDBObjectStore) => void} [more] */
  write(known, more) {
    this.take = { ...this.take, ...known };
    const { take } = this;
    this.written = this.written
      .then(() => this.takes.within("readwrite", (takes, pieces) => {
        more?.(pieces);
        return takes.put(take);
      }))
      .catch((failure) => void (this.failure = failure));
    return this.written;
  }

  /** Its record is there, or it is not wanted. */
  async forget() {
    await this.written;
    await this.takes.remove(this.take.id).catch(() => undefined);
    await this.letGo();
  }

  /** Let others have it, as it is written by now; resolves when they can. */
  async letGo() {
    const [letGo] = await Promise.all([this.holding, this.written]);
    await letGo();
  }
}

/** The takes of one database of this browser. */
export class Takes {
  /** @param {string} [database] one for each user, where several share a browser */
  constructor(database = "orak-client") {
    this.database = database;
  }

  /** Begin to keep a take. @param {string} mimeType @param {number | null} [songId] @returns {KeptPieces} */
  begin(mimeType, songId = null) {
    const id = newKey();
    return new KeptPieces(this, { id, mimeType, beganAt: Date.now(), seconds: 0, songId }, this.hold(id).catch(() => nothingHeld));
  }

  /** The takes that no tab works on, oldest first. @returns {Promise<KeptTake[]>} */
  async unfinished() {
    /** @type {KeptTake[]} */
    const takes = await this.within("readonly", (kept) => kept.getAll());
    const held = await worked();
    return takes.filter(({ id }) => !held.has(lockOf(id))).sort((one, other) => one.beganAt - other.beganAt);
  }

  /**
   * Resolves when one of those that somebody works on now is let go, or its tab is closed: then `unfinished` may have
   * another. Rejects when *signal* aborts.
   * @param {AbortSignal} signal
   */
  async released(signal) {
    const { locks } = navigator;
    const waiting = [...(await worked())].map((name) => locks.request(name, { mode: "shared", signal }, () => undefined));
    await Promise.race(waiting);
  }

  /**
   * Take one up again. Rejects with NotFoundError if it is gone, InvalidStateError while somebody works on it.
   * @param {string} id
   * @returns {Promise<{ blob: Blob, kept: KeptPieces }>}
   */
  async takeUp(id) {
    const letGo = await this.hold(id);
    try {
      /** @type {KeptTake | undefined} */
      const take = await this.within("readonly", (takes) => takes.get(id));
      if (!take) throw new DOMException("there is no such take any more", "NotFoundError");
      /** @type {{ piece: Blob }[]} */
      const found = await this.within("readonly", (_, pieces) => pieces.getAll(piecesOf(id)));
      const blob = new Blob(found.map(({ piece }) => piece), { type: take.mimeType });
      return { blob, kept: new KeptPieces(this, take, Promise.resolve(letGo)) };
    } catch (failure) {
      await letGo();
      throw failure;
    }
  }

  /** @param {string} id */
  async remove(id) {
    await this.within("readwrite", (takes, pieces) => {
      pieces.delete(piecesOf(id));
      return takes.delete(id);
    });
  }

  /**
   * Work on a take alone: no other tab takes it for abandoned. Rejects with InvalidStateError while another does.
   * @param {string} id
   * @returns {Promise<LetGo>}
   */
  async hold(id) {
    const { locks } = navigator;
    if (!locks) return nothingHeld; // browsers that record have them
    return new Promise((resolve, reject) => {
      const held = locks.request(lockOf(id), { ifAvailable: true }, (lock) => {
        if (!lock) return reject(new DOMException("somebody works on that take", "InvalidStateError"));
        return new Promise((end) => {
          resolve(() => {
            end(undefined);
            return held;
          });
        });
      });
      held.catch(reject);
    });
  }

  /**
   * @template T
   * @param {IDBTransactionMode} mode
   * @param {(takes: IDBObjectStore, pieces: IDBObjectStore) => IDBRequest<T>} work
   * @returns {Promise<T>} its answer, once everything is written
   */
  async within(mode, work) {
    const database = await this.open();
    try {
      return await new Promise((resolve, reject) => {
        const transaction = database.transaction(STORES, mode);
        const asked = work(transaction.objectStore("takes"), transaction.objectStore("pieces"));
        transaction.oncomplete = () => resolve(asked.result);
        transaction.onerror = transaction.onabort = () => reject(transaction.error);
      });
    } finally {
      database.close();
    }
  }

  /** @returns {Promise<IDBDatabase>} */
  open() {
    return new Promise((resolve, reject) => {
      const asked = indexedDB.open(this.database, 1);
      asked.onupgradeneeded = () => {
        asked.result.createObjectStore("takes", { keyPath: "id" });
        asked.result.createObjectStore("pieces", { keyPath: ["take", "number"] });
      };
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
  }
}
