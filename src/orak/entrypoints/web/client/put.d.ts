/**
 * PUT *blob* and return the answer, whatever its status. Throws `OrakError` if the connection is lost, or the reason of
 * the signal. It uses XMLHttpRequest because fetch does not report upload progress.
 * @param {string} url
 * @param {Blob} blob
 * @param {PutOptions} [options]
 * @returns {Promise<Response>}
 */
export function put(url: string, blob: Blob, { headers, onProgress, signal }?: PutOptions): Promise<Response>;
export type PutOptions = {
    /**
     * the signed headers
     */
    headers?: Record<string, string> | undefined;
    /**
     * bytes
     */
    onProgress?: ((sent: number, whole: number) => void) | undefined;
    signal?: AbortSignal | undefined;
};
