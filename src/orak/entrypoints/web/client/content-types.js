// @ts-check
/** What a file is called, and what it is. */

/** By the end of a name: browsers call the same file by too many types. @type {Record<string, string>} */
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

/** The content type that orak is asked to sign, without parameters. @param {Blob} blob @param {string} [name] */
export function contentTypeOf(blob, name = "") {
  const said = blob.type.split(";")[0].trim().toLowerCase();
  return TYPES[name.split(".").at(-1)?.toLowerCase() ?? ""] ?? (said || "application/octet-stream");
}

/** A file name for a recording of that content type. @param {string} contentType */
export function filenameOf(contentType) {
  const [extension] = Object.entries(TYPES).find(([, type]) => type === contentType) ?? ["webm"];
  return `take.${extension}`;
}
