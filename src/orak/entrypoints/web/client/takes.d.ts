/** Start a recording. @param {Takes} takes @param {string} mimeType @param {number | null} [songId] */
export function beginTake(takes: Takes, mimeType: string, songId?: number | null): KeptPieces;
/**
 * Open a recording. Rejects with NotFoundError if it is gone, InvalidStateError while it is open in a tab.
 * @param {Takes} takes
 * @param {string} id
 */
export function openTake(takes: Takes, id: string): Promise<{
    blob: Blob;
    kept: KeptPieces;
}>;
/** One recording and its chunks on this device. A failed write (private window, full disk) does not end it. */
export class KeptPieces {
    /** @param {Store} store @param {KeptTake} take @param {Promise<LetGo>} holding */
    constructor(store: Store, take: KeptTake, holding: Promise<LetGo>);
    store: Store;
    take: KeptTake;
    number: number;
    /** @type {Promise<unknown>} */
    written: Promise<unknown>;
    /** Why a write failed, if one did. @type {unknown} */
    failure: unknown;
    holding: Promise<LetGo>;
    /** Store another chunk, and what is known with it. @param {Blob} piece @param {Partial<KeptTake>} known */
    add(piece: Blob, known: Partial<KeptTake>): Promise<unknown>;
    /** Store what has become known. @param {Partial<KeptTake>} known */
    note(known: Partial<KeptTake>): Promise<unknown>;
    /** @param {Partial<KeptTake>} known @param {(pieces: IDBObjectStore) => void} [more] */
    write(known: Partial<KeptTake>, more?: (pieces: IDBObjectStore) => void): Promise<unknown>;
    /** Delete the recording from the device. */
    forget(): Promise<void>;
    /** Release the recording once it is written, so that another tab can open it. */
    letGo(): Promise<void>;
}
/** The recordings in one IndexedDB database. */
export class Takes {
    /** @param {string} [database] use one per user if users share a browser */
    constructor(database?: string);
    /** Return the recordings that are not open in any tab, oldest first. @returns {Promise<KeptTake[]>} */
    unfinished(): Promise<KeptTake[]>;
    /**
     * Wait until a tab releases a recording or closes; `unfinished` may then return one more. Rejects when *signal*
     * aborts.
     * @param {AbortSignal} signal
     */
    released(signal: AbortSignal): Promise<void>;
    #private;
}
export type KeptTake = {
    id: string;
    mimeType: string;
    /**
     * milliseconds since 1970
     */
    beganAt: number;
    /**
     * recorded
     */
    seconds: number;
    /**
     * set once the bytes have arrived; only the record is missing
     */
    uploadId?: number | undefined;
    title?: string | undefined;
    /**
     * Idempotency-Key for creating the record
     */
    key?: string | undefined;
    songId?: number | null | undefined;
};
/**
 * releases the lock; resolves when it is released
 */
export type LetGo = () => Promise<unknown>;
/** One IndexedDB database. */
declare class Store {
    /** @param {string} database */
    constructor(database: string);
    database: string;
    /** @param {string} id */
    remove(id: string): Promise<void>;
    /**
     * @template T
     * @param {IDBTransactionMode} mode
     * @param {(takes: IDBObjectStore, pieces: IDBObjectStore) => IDBRequest<T>} work
     * @returns {Promise<T>} the result of the request, once the transaction is complete
     */
    within<T>(mode: IDBTransactionMode, work: (takes: IDBObjectStore, pieces: IDBObjectStore) => IDBRequest<T>): Promise<T>;
    /** @returns {Promise<IDBDatabase>} */
    open(): Promise<IDBDatabase>;
}
export {};
