// @ts-check
/** File names and content types. */

/** Content types by extension: browsers report different types for the same file. @type {Record<string, string>} */
const TYPES = {
  webm: "audio/webm",
  ogg: "audio/ogg",
  oga: "audio/ogg",
  opus: "audio/ogg",
  m4a: "audio/mp4",
  mp4: "audio/mp4",
  aac: "audio/aac",
  mp3: "audio/mpeg",
  wav: "audio/wav",
  flac: "audio/flac",
};

/** Return the content type to sign for *blob*, without parameters. @param {Blob} blob @param {string} [name] */
export function contentTypeOf(blob, name = "") {
  const reported = blob.type.split(";")[0].trim().toLowerCase();
  return TYPES[name.split(".").at(-1)?.toLowerCase() ?? ""] ?? (reported || "application/octet-stream");
}

/** Return a file name for a recording of that content type. @param {string} contentType */
export function filenameOf(contentType) {
  const [extension] = Object.entries(TYPES).find(([, type]) => type === contentType) ?? ["webm"];
  return `take.${extension}`;
}
