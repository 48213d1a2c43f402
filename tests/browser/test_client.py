"""The client's modules in a real Chromium, from the fake microphone to a record."""
# ruff: noqa: E501 - lines of JavaScript

import pytest
from client_page import opened

from audio_samples import tone, write


def test_a_recorded_take_becomes_a_record_as_long_as_it_was(page):
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


def test_starting_and_stopping_twice_is_once(page):
    found = page.evaluate("""async () => {
      const service = recording();
      await Promise.all([service.startRecording(), service.startRecording()]);
      await service.startRecording();
      await passed(1200);
      const [one, other] = await Promise.all([service.stopRecording(), service.stopRecording()]);
      return { tracks: tracks.length, same: one.id === other.id, records: (await records()).length };
    }""")
    assert found == {"tracks": 1, "same": True, "records": 1}


def test_stopping_while_permission_is_asked_for_leaves_no_microphone_open(page):
    found = page.evaluate("""async () => {
      let permit; window.permission = new Promise((done) => (permit = done));
      const service = recording();
      const started = service.startRecording().catch((failure) => failure.name);
      const stopped = service.stopRecording().catch((failure) => failure.name);
      permit();
      return [await started, await stopped, service.state, tracks.map((track) => track.readyState)];
    }""")
    assert found == ["AbortError", "AbortError", "idle", ["ended"]]


def test_an_unplugged_microphone_costs_nothing_that_was_sung(page):
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


def test_a_closed_tab_leaves_a_take_that_can_be_finished(browsing, demo):
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


def test_a_lost_answer_to_create_is_made_up_for_once(page):
    lost = []

    def lose(route):
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch().json()["id"])  # orak has it; the page never hears
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


def test_a_refused_upload_makes_no_record_and_keeps_the_take(page):
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


@pytest.mark.parametrize("given_up", ["null", "Promise.reject(new Error('closed'))"])
def test_a_dialog_that_is_given_up_keeps_the_take_and_no_record(page, given_up):
    found = page.evaluate(f"""async () => {{
      let unhandled = 0; addEventListener("unhandledrejection", () => unhandled++);
      const service = recording({{ showTitleDialog: () => {given_up} }});
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
        ("take.webm", "webm-opus"),  # live: it says no duration
        ("take.ogg", "ogg-opus"),
        ("take.flac", "flac"),
    ],
)
def test_files_of_all_kinds_become_records(page, tmp_path, name, kind):
    chosen(page, write(tmp_path / name, tone(), 3, kind))
    found = page.evaluate(_SEND)
    assert found["duration"] == 3
    assert found["record"]["processingStatus"] == "COMPLETED"
    assert found["record"]["title"] == "chosen"
    assert found["sent"][-1] == found["size"]
    assert found["urls"] == 0


def test_what_cannot_be_decoded_has_no_duration(page):
    found = page.evaluate("""() => Promise.all([new Blob(["no sound"]), new Blob([])].map(
      (blob) => orak.getDuration(blob).catch((failure) => failure.name)))""")
    assert found == ["UndecodableError", "UndecodableError"]
    assert page.evaluate("urls.size") == 0


def test_an_empty_file_is_refused_before_anything_is_asked_for(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    found = page.evaluate("""() => new orak.FileUploadService({ token })
      .uploadExternalFile(new File([], "take.webm"), { askTitle: () => "never" }).catch((failure) => failure.name)""")
    assert found == "EmptyTakeError"
    assert asked == []


@pytest.mark.parametrize("given_up", ["null", "Promise.reject(new Error('closed'))"])
def test_a_file_whose_dialog_is_given_up_is_cancelled_at_orak(page, tmp_path, given_up):
    chosen(page, write(tmp_path / "take.wav", tone(), 1, "wav"))
    cancelled = []
    page.on("request", lambda request: request.method == "DELETE" and cancelled.append(request.url))
    found = page.evaluate(f"""async () => {{
      const file = document.querySelector("input[type=file]").files[0];
      const service = new orak.FileUploadService({{ token }});
      const askTitle = async () => {{ await passed(500); return {given_up}; }};
      const failure = await service.uploadExternalFile(file, {{ askTitle }}).catch((failure) => failure.message);
      return [failure, (await records()).length];
    }}""")
    assert found[0] in {"closed", "no title was given"}
    assert found[1] == 0
    assert len(cancelled) == 1


def test_an_upload_goes_on_by_itself_when_the_network_is_back(page, tmp_path):
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


def test_the_page_asks_before_it_is_left_only_while_something_is_sent(page):
    # Whether the listener is there is asked of the event itself.
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
def test_the_type_is_what_a_browser_supports(page, offered, chosen_type):
    """Safari and Firefox by stubs: only the choice is theirs here, not their recorder."""
    found = page.evaluate(
        "(offered) => { MediaRecorder.isTypeSupported = (type) => type === offered; return orak.recordingType() ?? null; }",
        offered,
    )
    assert found == chosen_type


def test_steps_come_live_and_by_asking_where_no_websocket_gets_through(page):
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


def test_who_is_refused_asks_less_and_less(page):
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
    assert 1 <= len(asked) <= 4  # after 0, 0.5, 1.5 and 3.5 seconds
