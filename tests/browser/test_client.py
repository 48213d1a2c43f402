"""The browser client in a real Chromium, from a fake microphone to a record."""
# ruff: noqa: E501 - lines of JavaScript

import pytest

from audio_samples import tone, write
from client_page import opened


def test_a_recording_becomes_a_record_of_the_same_duration(page):
    found = page.evaluate("""async () => {
      const service = recording({ songId: null });
      await service.startRecording();
      await passed(2500);
      const levels = service.level;
      const record = await service.stopRecording();
      const done = await settled(record.id);
      return { done, levels, asked, live: tracks.map((track) => track.readyState), left: await service.unfinishedTakes() };
    }""")
    assert found["done"]["processingStatus"] == "COMPLETED"
    assert found["done"]["title"] == "sung"
    assert found["done"]["durationSeconds"] in {2, 3}
    assert found["live"] == ["ended"]
    assert found["left"] == []
    assert 0 <= found["levels"]["rms"] <= found["levels"]["peak"] <= 1
    constraints = found["asked"]["audio"]
    assert constraints == {"echoCancellation": False, "noiseSuppression": False, "autoGainControl": False}


def test_a_second_start_or_stop_has_no_further_effect(page):
    found = page.evaluate("""async () => {
      const service = recording();
      await Promise.all([service.startRecording(), service.startRecording()]);
      await service.startRecording();
      await passed(1200);
      const [one, other] = await Promise.all([service.stopRecording(), service.stopRecording()]);
      return { tracks: tracks.length, same: one.id === other.id, records: (await records()).length };
    }""")
    assert found == {"tracks": 1, "same": True, "records": 1}


def test_stopping_during_the_permission_prompt_releases_the_microphone(page):
    found = page.evaluate("""async () => {
      let permit; window.permission = new Promise((done) => (permit = done));
      const service = recording();
      const started = service.startRecording().catch((failure) => failure.name);
      const stopped = service.stopRecording().catch((failure) => failure.name);
      permit();
      return [await started, await stopped, service.state, tracks.map((track) => track.readyState)];
    }""")
    assert found == ["AbortError", "AbortError", "idle", ["ended"]]


def test_unplugging_the_microphone_keeps_what_was_recorded(page):
    found = page.evaluate("""async () => {
      const service = recording();
      await service.startRecording();
      await passed(1500);
      tracks[0].stop(); tracks[0].dispatchEvent(new Event("ended"));
      const { state } = service;
      const record = await service.stopRecording();
      return { state, status: (await settled(record.id)).processingStatus };
    }""")
    assert found == {"state": "interrupted", "status": "COMPLETED"}


def test_a_recording_can_be_finished_after_its_tab_was_closed(browsing, demo):
    with browsing() as context:
        token = demo.token()
        first = opened(context, demo, token)
        first.evaluate("async () => { await recording().startRecording(); await passed(6000); }")
        first.close()
        second = opened(context, demo, token)
        found = second.evaluate("""async () => {
          const service = recording();
          const [kept] = await service.unfinishedTakes();
          const record = await service.finishTake(kept.id);
          return { kept, record: await settled(record.id), left: await service.unfinishedTakes() };
        }""")
    assert found["kept"]["seconds"] >= 4
    assert found["record"]["processingStatus"] == "COMPLETED"
    assert found["record"]["durationSeconds"] >= 4
    assert found["left"] == []


def test_a_lost_answer_to_create_record_still_creates_one_record(page):
    lost = []

    def lose(route):
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch().json()["id"])  # orak has created it; the page gets no answer
            route.abort()
        else:
            route.fallback()

    page.route("**/records/async", lose)
    found = page.evaluate("""async () => {
      const service = recording();
      await service.startRecording();
      await passed(1200);
      return { id: (await service.stopRecording()).id, ids: (await records()).map(({ id }) => id) };
    }""")
    assert found == {"id": lost[0], "ids": lost}


def test_a_refused_upload_creates_no_record_and_keeps_the_recording(page):
    page.route(
        "**/*", lambda route: route.fulfill(status=403) if route.request.method == "PUT" else route.fallback()
    )
    found = page.evaluate("""async () => {
      const service = recording();
      await service.startRecording();
      await passed(1200);
      const failure = await service.stopRecording().catch((failure) => [failure.name, failure.code, failure.status]);
      return { failure, uploads: service.uploads, records: (await records()).length, kept: (await service.unfinishedTakes()).length };
    }""")
    assert found == {"failure": ["OrakError", "STORE_REFUSED", 403], "uploads": 0, "records": 0, "kept": 1}


def test_an_expired_url_is_replaced_once(page):
    asked = []

    def expire(route):
        if route.request.method != "PUT":
            return route.fallback()
        asked.append(route.request.url)
        return route.fulfill(status=403) if len(asked) == 1 else route.fallback()

    page.route("**/*", expire)
    status = page.evaluate("""async () => {
      const service = recording();
      await service.startRecording();
      await passed(1200);
      return (await settled((await service.stopRecording()).id)).processingStatus;
    }""")
    assert status == "COMPLETED"
    assert len(set(asked)) == 2


@pytest.mark.parametrize("cancelling", ["null", "Promise.reject(new Error('closed'))"])
def test_cancelling_the_title_dialog_keeps_the_recording_and_creates_no_record(page, cancelling):
    found = page.evaluate(f"""async () => {{
      let unhandled = 0; addEventListener("unhandledrejection", () => unhandled++);
      const service = recording({{ showTitleDialog: () => {cancelling} }});
      await service.startRecording();
      await passed(1200);
      const failure = await service.stopRecording().catch((failure) => failure.message);
      await passed(50);
      return {{ failure, unhandled, uploads: service.uploads, records: (await records()).length,
        kept: (await service.unfinishedTakes()).length }};
    }}""")
    assert found.pop("failure") in {"closed", "no title was given"}
    assert found == {"unhandled": 0, "uploads": 0, "records": 0, "kept": 1}


_SEND = """async () => {
  const service = new orak.FileUploadService({ token });
  const file = document.querySelector("input[type=file]").files[0];
  window.sent = [];
  const record = await service.uploadExternalFile(file, { askTitle: () => "chosen", onProgress: (now) => sent.push(now) });
  return { duration: await orak.getDuration(file), size: file.size, sent, urls: urls.size, record: await settled(record.id) };
}"""


def chosen(page, path):
    page.evaluate(
        "() => document.body.append(Object.assign(document.createElement('input'), { type: 'file' }))"
    )
    page.set_input_files("input[type=file]", path)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("take.wav", "wav"),
        ("take.mp3", "mp3"),
        ("take.m4a", "m4a-aac"),
        ("take.webm", "webm-opus"),  # recorded live: no duration in the file
        ("take.ogg", "ogg-opus"),
        ("take.flac", "flac"),
    ],
)
def test_a_file_of_each_format_becomes_a_record(page, tmp_path, name, kind):
    chosen(page, write(tmp_path / name, tone(), 3, kind))
    found = page.evaluate(_SEND)
    assert found["duration"] == 3
    assert found["record"]["processingStatus"] == "COMPLETED"
    assert found["record"]["title"] == "chosen"
    assert found["sent"][-1] == found["size"]
    assert found["urls"] == 0


def test_get_duration_rejects_a_file_that_cannot_be_decoded(page):
    found = page.evaluate("""() => Promise.all([new Blob(["no sound"]), new Blob([])].map(
      (blob) => orak.getDuration(blob).catch((failure) => failure.name)))""")
    assert found == ["UndecodableError", "UndecodableError"]
    assert page.evaluate("urls.size") == 0


def test_an_empty_file_is_refused_without_any_request(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    found = page.evaluate("""() => new orak.FileUploadService({ token })
      .uploadExternalFile(new File([], "take.webm"), { askTitle: () => "never" }).catch((failure) => failure.name)""")
    assert found == "EmptyTakeError"
    assert asked == []


@pytest.mark.parametrize("cancelling", ["null", "Promise.reject(new Error('closed'))"])
def test_cancelling_the_title_dialog_cancels_the_upload_of_a_file(page, tmp_path, cancelling):
    chosen(page, write(tmp_path / "take.wav", tone(), 1, "wav"))
    cancelled = []
    page.on("request", lambda request: request.method == "DELETE" and cancelled.append(request.url))
    found = page.evaluate(f"""async () => {{
      const file = document.querySelector("input[type=file]").files[0];
      const service = new orak.FileUploadService({{ token }});
      const askTitle = async () => {{ await passed(500); return {cancelling}; }};
      const failure = await service.uploadExternalFile(file, {{ askTitle }}).catch((failure) => failure.message);
      return [failure, (await records()).length];
    }}""")
    assert found[0] in {"closed", "no title was given"}
    assert found[1] == 0
    assert len(cancelled) == 1


def test_an_upload_continues_when_the_network_is_back(page, tmp_path):
    chosen(page, write(tmp_path / "take.wav", tone(), 1, "wav"))
    page.context.set_offline(True)
    page.evaluate("""() => {
      const file = document.querySelector("input[type=file]").files[0];
      window.waits = [];
      window.arriving = new orak.FileUploadService({ token }).uploadExternalFile(file, {
        askTitle: () => "patient", onWaiting: (waiting) => waits.push(waiting) });
    }""")
    page.wait_for_function("waits.length === 1")
    page.context.set_offline(False)
    assert page.evaluate("async () => (await settled((await arriving).id)).processingStatus") == "COMPLETED"
    assert page.evaluate("waits.at(-1)") is False


def test_leaving_needs_confirmation_only_during_an_upload(page):
    # A cancelled event shows that the listener is there.
    found = page.evaluate("""async () => {
      const asks = () => !dispatchEvent(new Event("beforeunload", { cancelable: true }));
      const seen = [asks()];
      const service = recording({ showTitleDialog: () => { seen.push(asks()); return "left"; } });
      await service.startRecording();
      await passed(1100);
      await service.stopRecording();
      return [...seen, asks()];
    }""")
    assert found == [False, True, False]


@pytest.mark.parametrize(
    ("offered", "chosen_type"),
    [("audio/mp4", "audio/mp4"), ("audio/ogg;codecs=opus", "audio/ogg;codecs=opus"), ("nothing", None)],
)
def test_the_recording_type_is_one_that_the_browser_supports(page, offered, chosen_type):
    """Stubs stand for Safari and Firefox: they change the supported types, not the recorder."""
    found = page.evaluate(
        "(offered) => { MediaRecorder.isTypeSupported = (type) => type === offered; return orak.recordingType() ?? null; }",
        offered,
    )
    assert found == chosen_type


def test_live_updates_arrive_by_websocket_or_by_polling(page):
    for blocked in (False, True):
        found = page.evaluate(
            """async (blocked) => {
              const { WebSocket } = window;
              if (blocked) window.WebSocket = class { constructor() { setTimeout(() => this.onclose()); } close() {} };
              const states = [], steps = [];
              const api = new orak.Api({ token });
              const live = new orak.Live(api, { onStep: (step) => steps.push(step), onState: (s) => states.push(s), pollEvery: 100 });
              while (!states.length) await passed(20);
              const service = recording();
              await service.startRecording();
              await passed(1100);
              const { id } = await service.stopRecording();
              live.follow(id);
              while (!steps.some((step) => step.recordId === id && step.processingStatus === "COMPLETED")) await passed(20);
              live.close();
              window.WebSocket = WebSocket;
              return states;
            }""",
            blocked,
        )
        assert found == ["polling" if blocked else "live", "closed"]


def test_polling_backs_off_after_refusals(page):
    asked = []
    page.route(
        "**/records/async/7", lambda route: (asked.append(route.request.url), route.fulfill(status=401))
    )
    page.evaluate("""async () => {
      window.WebSocket = class { constructor() { setTimeout(() => this.onclose()); } close() {} };
      const live = new orak.Live(new orak.Api({ token }), { onStep: () => {}, pollEvery: 50 });
      live.follow(7);
      while (live.state !== "polling") await passed(20);
      await passed(2000);
      live.close();
    }""")
    assert 1 <= len(asked) <= 4  # polls after 0, 0.5, 1.5 and 3.5 seconds
