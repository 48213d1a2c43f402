/** Return the content type to sign for *blob*, without parameters. @param {Blob} blob @param {string} [name] */
export function contentTypeOf(blob: Blob, name?: string): string;
/**
 * Return the file name and the content type to request an upload with. A recording has no name, and one that an app
 * joined from chunks may have no type either: orak tells formats apart by their content.
 * @param {Blob | File} blob
 */
export function described(blob: Blob | File): {
    filename: string;
    contentType: string;
};
