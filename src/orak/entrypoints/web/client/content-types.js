// @ts-check
/** File names and content types. */

/**
 * The extensions and content types of each format that orak accepts; the first of each is the one to send.
 * Browsers report different types for the same file.
 * @type {[extensions: string[], types: string[]][]}
 */
const FORMATS = [
  [["webm", "weba"], ["audio/webm", "video/webm"]],
  [
    ["ogg", "oga", "opus", "ogv"],
    ["audio/ogg", "audio/opus", "application/ogg", "video/ogg", "audio/x-opus+ogg", "audio/x-vorbis+ogg"],
  ],
  [
    ["m4a", "mp4", "m4b"],
    ["audio/mp4", "video/mp4", "audio/x-m4a", "audio/m4a", "audio/x-m4b", "audio/m4b", "audio/mp4a-latm"],
  ],
  [["qta", "mov"], ["audio/quicktime", "video/quicktime"]],
  [["3gp", "3gpp"], ["audio/3gpp", "video/3gpp"]],
  [["aac"], ["audio/aac", "audio/aacp", "audio/x-aac", "audio/vnd.dlna.adts", "audio/x-hx-aac-adts"]],
  [["mp3"], ["audio/mpeg", "audio/mp3"]],
  [["wav"], ["audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"]],
  [["flac"], ["audio/flac", "audio/x-flac"]],
  [["aiff", "aif"], ["audio/aiff", "audio/x-aiff"]],
  [["caf"], ["audio/x-caf", "audio/caf"]],
  [["mka", "mkv"], ["audio/x-matroska", "audio/matroska", "video/x-matroska", "video/matroska"]],
];

/** Return the content type to sign for *blob*, without parameters. @param {Blob} blob @param {string} [name] */
export function contentTypeOf(blob, name = "") {
  const extension = name.split(".").at(-1)?.toLowerCase() ?? "";
  const format = FORMATS.find(([extensions]) => extensions.includes(extension));
  return format?.[1][0] ?? (mediaType(blob.type) || "application/octet-stream");
}

/** Return a file name for a recording of that content type. @param {string} contentType */
function filenameOf(contentType) {
  const format = FORMATS.find(([, types]) => types.includes(mediaType(contentType))) ?? FORMATS[0];
  return `take.${format[0][0]}`;
}

/**
 * Return the file name and the content type to request an upload with. A recording has no name, and one that an app
 * joined from chunks may have no type either: orak tells formats apart by their content.
 * @param {Blob | File} blob
 */
export function described(blob) {
  if ("name" in blob && blob.name) return { filename: blob.name, contentType: contentTypeOf(blob, blob.name) };
  const contentType = blob.type ? contentTypeOf(blob) : FORMATS[0][1][0];
  return { filename: filenameOf(contentType), contentType };
}

/** Return type and subtype, without parameters. @param {string} contentType */
const mediaType = (contentType) => contentType.split(";")[0].trim().toLowerCase();
