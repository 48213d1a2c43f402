// @ts-check
/** Takes kept on this device while they are sung and sent, so that a closed tab loses a second and no more. */

/**
 * @typedef {object} KeptTake
 * @property {string} id
 * @property {string} owner whose token it was
 * @property {string} mimeType
 * @property {number} beganAt ms since 1970
 * @property {number} seconds
 */

const DATABASE = "orak";

/** @returns {Promise<IDBDatabase>} */
function open() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(DATABASE, 1);
    asked.onupgradeneeded = () => {
      asked.result.createObjectStore("takes", { keyPath: "id" });
      asked.result.createObjectStore("pieces", { keyPath: ["take", "number"] });
    };
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(takes: IDBObjectStore, pieces: IDBObjectStore) => IDBRequest<T> | undefined} work
 * @returns {Promise<T | undefined>} the answer, once everything is on the disk
 */
async function within(mode, work) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(["takes", "pieces"], mode);
      const asked = work(transaction.objectStore("takes"), transaction.objectStore("pieces"));
      transaction.oncomplete = () => resolve(asked?.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** @param {string} id */
const piecesOf = (id) => IDBKeyRange.bound([id, 0], [id, Infinity]);
/** @param {string} id */
const lockOf = (id) => `orak.take.${id}`;

/** One take in the making. What cannot be kept (private windows, a full disk) is recorded all the same. */
export class Keeping {
  /** @param {KeptTake} take */
  constructor(take) {
    this.take = take;
    this.number = 0;
    /** @type {() => void} */
    this.letGo = () => undefined;
    /** Writes follow each other. @type {Promise<unknown>} */
    this.written = Promise.resolve();
    // While this tab lives, no other one takes it for abandoned.
    const held = new Promise((resolve) => (this.letGo = () => resolve(undefined)));
    void navigator.locks?.request(lockOf(take.id), () => held);
  }

  /** @param {Blob} piece @param {number} seconds recorded so far */
  add(piece, seconds) {
    const number = this.number++;
    this.take = { ...this.take, seconds, mimeType: this.take.mimeType || piece.type };
    const { take } = this;
    this.written = this.written
      .then(() => within("readwrite", (takes, pieces) => {
        takes.put(take);
        pieces.put({ take: take.id, number, piece });
        return undefined;
      }))
      .catch(() => undefined);
  }

  /** It arrived, or is not wanted. */
  async forget() {
    await this.written;
    await forgetTake(this.take.id).catch(() => undefined);
    this.letGo();
  }
}

/** @param {string} id */
async function forgetTake(id) {
  await within("readwrite", (takes, pieces) => {
    takes.delete(id);
    pieces.delete(piecesOf(id));
    return undefined;
  });
}

/** The takes of *owner* that no tab works on. @param {string} owner @returns {Promise<KeptTake[]>} */
export async function unfinishedTakes(owner) {
  try {
    /** @type {KeptTake[]} */
    const takes = (await within("readonly", (takes) => takes.getAll())) ?? [];
    const held = new Set((await navigator.locks?.query())?.held?.map(({ name }) => name));
    return takes.filter((take) => take.owner === owner && !held.has(lockOf(take.id)));
  } catch {
    return [];
  }
}

/** Take an unfinished take up again. @param {KeptTake} take @returns {Promise<{ blob: Blob, keeping: Keeping }>} */
export async function takeUp(take) {
  const keeping = new Keeping(take);
  const found = (await within("readonly", (_, pieces) => pieces.getAll(piecesOf(take.id)))) ?? [];
  const blob = new Blob(found.map(({ piece }) => piece), { type: take.mimeType });
  return { blob, keeping };
}
