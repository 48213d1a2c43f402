"""A page that holds only the browser client."""
# ruff: noqa: E501 - lines of JavaScript

COUNT = """
window.tracks = [];
const open = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
if (open) navigator.mediaDevices.getUserMedia = async (asked) => {
  window.asked = asked;
  if (window.permission) await window.permission;
  const stream = await open(asked);
  window.tracks.push(...stream.getTracks());
  return stream;
};
window.recorders = [];
window.MediaRecorder = class extends MediaRecorder {
  constructor(...asked) {
    super(...asked);
    window.recorders.push(this);
  }
};
window.urls = new Set();
const [make, drop] = [URL.createObjectURL, URL.revokeObjectURL];
URL.createObjectURL = (blob) => { const url = make.call(URL, blob); window.urls.add(url); return url; };
URL.revokeObjectURL = (url) => { window.urls.delete(url); drop.call(URL, url); };
"""

LIBRARY = """
async (token) => {
  window.orak = await import("/client/index.js");
  window.token = token;
  window.recording = (options) => new orak.RecordingService({ token, showTitleDialog: () => "sung", ...options });
  window.passed = (ms) => new Promise((done) => setTimeout(done, ms));
  window.settled = async (id) => {
    const api = new orak.Api({ token });
    for (;;) {
      const record = await api.json("GET", `/${id}`);
      if (record.processingStatus !== "PROCESSING") return record;
      await passed(100);
    }
  };
  window.records = () => new orak.Api({ token }).json("GET", "/me");
  // What the device keeps, past the locks; `change` may replace the one recording that it keeps.
  window.keptTakes = (change) => new Promise((done) => {
    const opening = indexedDB.open("orak-client", 1);
    opening.onsuccess = () => {
      const takes = opening.result.transaction("takes", "readwrite").objectStore("takes");
      takes.getAll().onsuccess = ({ target }) => change && takes.put(change(target.result[0]));
      takes.getAll().onsuccess = ({ target }) => done(target.result);
      takes.transaction.oncomplete = () => opening.result.close();
    };
  });
}
"""


def opened(context, demo, token):
    """Return a page with the client as `orak` and a few functions for tests."""
    page = context.new_page()
    # A page of the served origin: from an invented origin, which counts as the Internet, Chromium opens no
    # WebSocket into the local network.
    page.goto(f"{demo.url}/health/live")
    page.evaluate(LIBRARY, token)
    return page
