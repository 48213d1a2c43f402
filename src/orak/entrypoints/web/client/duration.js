// @ts-check
/** The duration of an audio file. */

const TIMEOUT = 30_000; // ms

/** The browser cannot decode the file, so its duration is unknown. */
export class UndecodableError extends Error {
  name = "UndecodableError";
}

/**
 * Return the duration in whole seconds, rounded down, as the browser's decoder reports it. For a WebM file without a
 * duration, the browser seeks to its end. Throws `UndecodableError` if the browser cannot decode the file.
 * @param {Blob} file
 * @returns {Promise<number>}
 */
export async function getDuration(file) {
  if (!file.size) throw new UndecodableError("an empty file has no duration");
  const url = URL.createObjectURL(file);
  const sound = new Audio();
  try {
    return Math.floor(await measured(sound, url));
  } finally {
    sound.removeAttribute("src");
    sound.load(); // releases the decoder and the URL
    URL.revokeObjectURL(url);
  }
}

/** @param {HTMLAudioElement} sound @param {string} url @returns {Promise<number>} seconds */
function measured(sound, url) {
  return new Promise((resolve, reject) => {
    const fail = () => {
      clearTimeout(timer);
      reject(new UndecodableError(sound.error?.message || "this browser cannot decode the file"));
    };
    const timer = setTimeout(fail, TIMEOUT);
    const look = () => {
      if (!Number.isFinite(sound.duration)) return;
      clearTimeout(timer);
      resolve(sound.duration);
    };
    sound.addEventListener("durationchange", look);
    sound.addEventListener("loadedmetadata", () => {
      look();
      // Seeking far past the end makes the browser find the end.
      if (sound.duration === Infinity) sound.currentTime = 1e101;
    });
    sound.addEventListener("error", fail);
    sound.preload = "metadata";
    sound.src = url;
  });
}
