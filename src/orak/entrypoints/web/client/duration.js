// @ts-check
/** How long a sound is. */

const PATIENCE = 30_000; // ms

/** The browser cannot play it, so nobody knows how long it is. */
export class UndecodableError extends Error {
  name = "UndecodableError";
}

/**
 * Whole seconds, rounded, as the browser's own decoder counts them; also of a WebM that does not say (it is sought to
 * its end). Rejects with `UndecodableError` for what the browser cannot play.
 * @param {Blob} file
 * @returns {Promise<number>}
 */
export async function getDuration(file) {
  if (!file.size) throw new UndecodableError("an empty file has no duration");
  const url = URL.createObjectURL(file);
  const sound = new Audio();
  try {
    return Math.round(await measured(sound, url));
  } finally {
    sound.removeAttribute("src");
    sound.load(); // lets go of the decoder, and of the URL
    URL.revokeObjectURL(url);
  }
}

/** @param {HTMLAudioElement} sound @param {string} url @returns {Promise<number>} seconds */
function measured(sound, url) {
  return new Promise((resolve, reject) => {
    const fail = () => {
      clearTimeout(timer);
      reject(new UndecodableError(sound.error?.message || "this browser cannot play it"));
    };
    const timer = setTimeout(fail, PATIENCE);
    const look = () => {
      if (!Number.isFinite(sound.duration)) return;
      clearTimeout(timer);
      resolve(sound.duration);
    };
    sound.addEventListener("durationchange", look);
    sound.addEventListener("loadedmetadata", () => {
      look();
      // Far behind the end: the browser reads on to where the end is, and then knows.
      if (sound.duration === Infinity) sound.currentTime = 1e101;
    });
    sound.addEventListener("error", fail);
    sound.preload = "metadata";
    sound.src = url;
  });
}
