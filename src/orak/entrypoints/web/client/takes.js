// @ts-check
/** Recordings kept in IndexedDB until their record exists: a closed tab or a crash loses at most the last second. */
import { newKey } from "./api.js";

/**
 * @typedef {object} KeptTake
 * @property {string} id
 * @property {string} mimeType
 * @property {number} beganAt milliseconds since 1970
 * @property {number} seconds recorded
 * @property {number} [uploadId] set once the bytes have arrived; only the record is missing
 * @property {string} [title]
 * @property {string} [key] Idempotency-Key for creating the record
 * @property {number | null} [songId]
 */

/** @typedef {() => Promise<unknown>} LetGo releases the lock; resolves when it is released */

const STORES = ["takes", "pieces"];

/** @param {string} id */
const piecesOf = (id) => IDBKeyRange.bound([id, 0], [id, Infinity]);
/** @param {string} id */
const lockOf = (id) => LOCKS + id;
const LOCKS = "orak-client.take.";

/** Return the locks of recordings that are open in a tab. Shared locks only wait for a release. */
async function openLocks() {
  const held = (await navigator.locks?.query())?.held ?? [];
  const names = held.filter(({ mode }) => mode === "exclusive").map(({ name }) => String(name));
  return new Set(names.filter((name) => name.startsWith(LOCKS)));
}

const releaseNothing = async () => undefined;

/**
 * Lock a recording so that no other tab offers it. Rejects with InvalidStateError while it is locked.
 * @param {string} id
 * @returns {Promise<LetGo>}
 */
async function hold(id) {
  const { locks } = navigator;
  if (!locks) return releaseNothing; // every browser that can record has locks
  return new Promise((resolve, reject) => {
    const held = locks.request(lockOf(id), { ifAvailable: true }, (lock) => {
      if (!lock) return reject(new DOMException("this recording is open in another tab", "InvalidStateError"));
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

/** One IndexedDB database. */
class Store {
  /** @param {string} database */
  constructor(database) {
    this.database = database;
  }

  /** @param {string} id */
  async remove(id) {
    await this.within("readwrite", (takes, pieces) => {
      pieces.delete(piecesOf(id));
      return takes.delete(id);
    });
  }

  /**
   * @template T
   * @param {IDBTransactionMode} mode
   * @param {(takes: IDBObjectStore, pieces: IDBObjectStore) => IDBRequest<T>} work
   * @returns {Promise<T>} the result of the request, once the transaction is complete
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

/** One recording and its chunks on this device. A failed write (private window, full disk) does not end it. */
export class KeptPieces {
  /** @param {Store} store @param {KeptTake} take @param {Promise<LetGo>} holding */
  constructor(store, take, holding) {
    this.store = store;
    this.take = take;
    this.number = 0;
    /** @type {Promise<unknown>} */
    this.written = Promise.resolve();
    /** Why a write failed, if one did. @type {unknown} */
    this.failure = undefined;
    this.holding = holding;
  }

  /** Store another chunk, and what is known with it. @param {Blob} piece @param {Partial<KeptTake>} known */
  add(piece, known) {
    const number = this.number++;
    return this.write(known, (pieces) => pieces.put({ take: this.take.id, number, piece }));
  }

  /** Store what has become known. @param {Partial<KeptTake>} known */
  note(known) {
    return this.write(known);
  }

  /** @param {Partial<KeptTake>} known @param {(pieces: IDBObjectStore) => void} [more] */
  write(known, more) {
    this.take = { ...this.take, ...known };
    const { take } = this;
    this.written = this.written
      .then(() => this.store.within("readwrite", (takes, pieces) => {
        more?.(pieces);
        return takes.put(take);
      }))
      .catch((failure) => void (this.failure = failure));
    return this.written;
  }

  /** Delete the recording from the device. */
  async forget() {
    await this.written;
    await this.store.remove(this.take.id).catch(() => undefined);
    await this.letGo();
  }

  /** Release the recording once it is written, so that another tab can open it. */
  async letGo() {
    const [letGo] = await Promise.all([this.holding, this.written]);
    await letGo();
  }
}

/** The database of a `Takes`, for this module alone. @type {(takes: Takes) => Store} */
let storeOf;

/** The recordings in one IndexedDB database. */
export class Takes {
  #store;

  /** @param {string} [database] use one per user if users share a browser */
  constructor(database = "orak-client") {
    this.#store = new Store(database);
  }

  /** Return the recordings that are not open in any tab, oldest first. @returns {Promise<KeptTake[]>} */
  async unfinished() {
    /** @type {KeptTake[]} */
    const takes = await this.#store.within("readonly", (kept) => kept.getAll());
    const held = await openLocks();
    return takes.filter(({ id }) => !held.has(lockOf(id))).sort((one, other) => one.beganAt - other.beganAt);
  }

  /**
   * Wait until a tab releases a recording or closes; `unfinished` may then return one more. Rejects when *signal*
   * aborts.
   * @param {AbortSignal} signal
   */
  async released(signal) {
    const { locks } = navigator;
    const waiting = [...(await openLocks())].map((name) => locks.request(name, { mode: "shared", signal }, () => undefined));
    await Promise.race(waiting);
  }

  static {
    storeOf = (takes) => takes.#store;
  }
}

/** Start a recording. @param {Takes} takes @param {string} mimeType @param {number | null} [songId] */
export function beginTake(takes, mimeType, songId = null) {
  const take = { id: newKey(), mimeType, beganAt: Date.now(), seconds: 0, songId };
  return new KeptPieces(storeOf(takes), take, hold(take.id).catch(() => releaseNothing));
}

/**
 * Open a recording. Rejects with NotFoundError if it is gone, InvalidStateError while it is open in a tab.
 * @param {Takes} takes
 * @param {string} id
 */
export async function openTake(takes, id) {
  const store = storeOf(takes);
  const letGo = await hold(id);
  try {
    /** @type {KeptTake | undefined} */
    const take = await store.within("readonly", (kept) => kept.get(id));
    if (!take) throw new DOMException("this recording is no longer on the device", "NotFoundError");
    /** @type {{ piece: Blob }[]} */
    const found = await store.within("readonly", (_, pieces) => pieces.getAll(piecesOf(id)));
    const blob = new Blob(found.map(({ piece }) => piece), { type: take.mimeType });
    return { blob, kept: new KeptPieces(store, take, Promise.resolve(letGo)) };
  } catch (failure) {
    await letGo();
    throw failure;
  }
}
