/** The content type that orak is asked to sign, without parameters. @param {Blob} blob @param {string} [name] */
export function contentTypeOf(blob: Blob, name?: string): string;
/** A file name for a recording of that content type. @param {string} contentType */
export function filenameOf(contentType: string): string;
