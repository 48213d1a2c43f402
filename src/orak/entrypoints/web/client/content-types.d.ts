/** Return the content type to sign for *blob*, without parameters. @param {Blob} blob @param {string} [name] */
export function contentTypeOf(blob: Blob, name?: string): string;
/** Return a file name for a recording of that content type. @param {string} contentType */
export function filenameOf(contentType: string): string;
