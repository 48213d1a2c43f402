/** jsdom has no microphone and no recorder: these give pieces, and can be seen to end. */

export class FakeTrack extends EventTarget {
  readyState = "live";
  stop() {
    this.readyState = "ended";
  }
}

export class FakeRecorder extends EventTarget {
  static isTypeSupported = () => true;
  /** What comes while it records, and with `stop`. */
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
    // As browsers do: the last piece first, then `stop`, both later than the call.
    setTimeout(() => {
      this.give(FakeRecorder.pieces.slice(1).join(""));
      this.dispatchEvent(new Event("stop"));
    });
  }

  give(piece: string) {
    this.dispatchEvent(Object.assign(new Event("dataavailable"), { data: new Blob([piece], { type: this.mimeType }) }));
  }
}

class FakeHearing {
  state = "running";
  createAnalyser = () => ({ fftSize: 0 });
  createMediaStreamSource = () => ({ connect: () => undefined });
  resume = async () => undefined;
  close = async () => undefined;
}

/** Plug it in. `tracks` are those that were handed out; `permitted` holds them back until it resolves. */
export function plugIn(stub: (name: string, value: unknown) => unknown) {
  const microphone = { tracks: [] as FakeTrack[], permitted: Promise.resolve() };
  const getUserMedia = async () => {
    await microphone.permitted;
    const track = new FakeTrack();
    microphone.tracks.push(track);
    return { getTracks: () => [track] };
  };
  stub("MediaRecorder", FakeRecorder);
  stub("AudioContext", FakeHearing);
  stub("navigator", { mediaDevices: { getUserMedia }, onLine: true });
  stub("indexedDB", {
    open: () => {
      throw new Error("a private window");
    },
  });
  return microphone;
}
