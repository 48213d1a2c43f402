/** A fake microphone and recorder: jsdom has neither. Tests can see whether they were stopped. */

export class FakeTrack extends EventTarget {
  readyState = "live";
  stop() {
    this.readyState = "ended";
  }
}

export class FakeRecorder extends EventTarget {
  static isTypeSupported = () => true;
  /** The first chunk arrives during recording, the others with `stop`. */
  static pieces = ["sung ", "to the end"];
  state = "inactive";
  mimeType = "audio/mp4";

  start() {
    this.state = "recording";
    this.give(FakeRecorder.pieces[0] ?? "");
  }

  stop() {
    if (this.state === "inactive") return;
    this.state = "inactive";
    // As in browsers: the last chunk, then `stop`, both after the call returns.
    setTimeout(() => {
      this.give(FakeRecorder.pieces.slice(1).join(""));
      this.dispatchEvent(new Event("stop"));
    });
  }

  give(piece: string) {
    this.dispatchEvent(Object.assign(new Event("dataavailable"), { data: new Blob([piece], { type: this.mimeType }) }));
  }
}

class FakeAudioContext {
  state = "running";
  createAnalyser = () => ({ fftSize: 0 });
  createMediaStreamSource = () => ({ connect: () => undefined });
  resume = async () => undefined;
  close = async () => undefined;
}

/** Install the fakes. `tracks` holds the tracks given to the page; they wait until `permitted` resolves. */
export function plugIn(stub: (name: string, value: unknown) => unknown) {
  const microphone = { tracks: [] as FakeTrack[], permitted: Promise.resolve() };
  const getUserMedia = async () => {
    await microphone.permitted;
    const track = new FakeTrack();
    microphone.tracks.push(track);
    return { getTracks: () => [track] };
  };
  stub("MediaRecorder", FakeRecorder);
  stub("AudioContext", FakeAudioContext);
  stub("navigator", { mediaDevices: { getUserMedia }, onLine: true });
  stub("indexedDB", {
    open: () => {
      throw new Error("no IndexedDB in a private window");
    },
  });
  return microphone;
}
