/** One take in the making. What cannot be kept (a private window, a full disk) is recorded all the same. */
export class KeptPieces {
    /** @param {Takes} takes @param {KeptTake} take @param {Promise<LetGo>} holding */
    constructor(takes: Takes, take: KeptTake, holding: Promise<LetGo>);
    takes: Takes;
    take: KeptTake;
    number: number;
    /** @type {Promise<unknown>} */
    written: Promise<unknown>;
    /** Why it could not be kept, if so. @type {unknown} */
    failure: unknown;
    holding: Promise<LetGo>;
    /** Keep one more piece. @param {Blob} piece @param {Partial<KeptTake>} known of the take with it */
    add(piece: Blob, known: Partial<KeptTake>): Promise<unknown>;
    /** Keep what else became known of it. @param {Partial<KeptTake>} known */
    note(known: Partial<KeptTake>): Promise<unknown>;
    /** @param {Partial<KeptTake>} known @param {(pieces: IDBObjectStore) => void} [more] */
    write(known: Partial<KeptTake>, more?: (pieces: IDBObjectStore) => void): Promise<unknown>;
    /** Its record is there, or it is not wanted. */
    forget(): Promise<void>;
    /** Let others have it, as it is written by now; resolves when they can. */
    letGo(): Promise<void>;
}
/** The takes of one database of this browser. */
export class Takes {
    /** @param {string} [database] one for each user, where several share a browser */
    constructor(database?: string);
    database: string;
    /** Begin to keep a take. @param {string} mimeType @param {number | null} [songId] @returns {KeptPieces} */
    begin(mimeType: string, songId?: number | null): KeptPieces;
    /** The takes that no tab works on, oldest first. @returns {Promise<KeptTake[]>} */
    unfinished(): Promise<KeptTake[]>;
    /**
     * Resolves when one of those that somebody works on now is let go, or its tab is closed: then `unfinished` may have
     * another. Rejects when *signal* aborts.
     * @param {AbortSignal} signal
     */
    released(signal: AbortSignal): Promise<void>;
    /**
     * Take one up again. Rejects with NotFoundError if it is gone, InvalidStateError while somebody works on it.
     * @param {string} id
     * @returns {Promise<{ blob: Blob, kept: KeptPieces }>}
     */
    takeUp(id: string): Promise<{
        blob: Blob;
        kept: KeptPieces;
    }>;
    /** @param {string} id */
    remove(id: string): Promise<void>;
    /**
     * Work on a take alone: no other tab takes it for abandoned. Rejects with InvalidStateError while another does.
     * @param {string} id
     * @returns {Promise<LetGo>}
     */
    hold(id: string): Promise<LetGo>;
    /**
     * @template T
     * @param {IDBTransactionMode} mode
     * @param {(takes: IDBObjectStore, pieces: IDBObjectStore) => IDBRequest<T>} work
     * @returns {Promise<T>} its answer, once everything is written
     */
    within<T>(mode: IDBTransactionMode, work: (takes: IDBObjectStore, pieces: IDBObjectStore) => IDBRequest<T>): Promise<T>;
    /** @returns {Promise<IDBDatabase>} */
    open(): Promise<IDBDatabase>;
}
export type KeptTake = {
    id: string;
    mimeType: string;
    /**
     * ms since 1970
     */
    beganAt: number;
    /**
     * recorded
     */
    seconds: number;
    /**
     * its bytes are there: only the record is missing
     */
    uploadId?: number | undefined;
    title?: string | undefined;
    /**
     * Idempotency-Key of its record
     */
    key?: string | undefined;
    songId?: number | null | undefined;
};
/**
 * resolves when it is let go
 */
export type LetGo = () => Promise<unknown>;
