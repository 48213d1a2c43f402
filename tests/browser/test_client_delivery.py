"""What a take survives on its way, and that nothing of it happens twice."""
# ruff: noqa: E501 - lines of JavaScript

import pytest
from client_page import COUNT, opened

_SUNG = """async () => {
  window.service = recording();
  await service.startRecording();
  await passed(1200);
  return service.endRecording();
}"""

_LEFT = """async () => {
  const service = recording();
  await service.startRecording();
  await passed(1300);
  const delivery = await service.endRecording();
  return delivery.run({ askTitle: () => new Promise(() => {}) });
}"""


@pytest.fixture
def puts(page):
    """Note what is sent to the store."""
    seen = []
    page.on("request", lambda request: request.method == "PUT" and seen.append(request))
    return seen


def test_bytes_that_arrived_before_the_tab_closed_are_not_sent_again(browsing, demo):
    with browsing() as context:
        context.add_init_script(COUNT)
        token = demo.token()
        first = opened(context, demo, token)
        with first.expect_request_finished(lambda request: request.method == "PUT"):
            first.evaluate(f"() => {{ ({_LEFT})(); }}")
        second = opened(context, demo, token)
        first.wait_for_function(_IS_NOTED)
        first.close()
        sent = []
        second.on("request", lambda request: request.method == "PUT" and sent.append(request.url))
        found = second.evaluate("""async () => {
          const service = recording();
          let kept;
          while (!([kept] = await service.unfinishedTakes())[0]) await service.takes.released(new AbortController().signal);
          const record = await service.finishTake(kept.id);
          return { status: (await settled(record.id)).processingStatus, left: await service.unfinishedTakes() };
        }""")
    assert found == {"status": "COMPLETED", "left": []}
    assert sent == []


_IS_NOTED = """async () => {
  const kept = await new orak.Takes().within("readonly", (takes) => takes.getAll());
  return kept.some(({ uploadId }) => uploadId !== undefined);
}"""


def test_a_take_whose_upload_is_gone_is_sent_anew(page, puts):
    found = page.evaluate(f"""async () => {{
      const delivery = await ({_SUNG})();
      await delivery.note({{ uploadId: 2 ** 40 }}); // as if it had expired at orak
      const record = await delivery.run({{ askTitle: () => "again" }});
      return [(await settled(record.id)).processingStatus, (await records()).length];
    }}""")
    assert found == ["COMPLETED", 1]
    assert len(puts) == 1


def test_a_record_that_exists_already_is_the_takes_own(page, puts):
    found = page.evaluate(f"""async () => {{
      const delivery = await ({_SUNG})();
      delivery.run({{ askTitle: () => new Promise(() => {{}}) }});
      while (delivery.known.uploadId === undefined) await passed(20);
      const {{ uploadId }} = delivery.known;
      const elsewhere = await service.createRecord({{ title: "by another tab", uploadId }});
      await delivery.letGo; // still held: what another tab did shows in orak's answer alone
      const again = new orak.Delivery(service.api, delivery.blob, delivery.pack, {{ kept: delivery.kept }});
      const record = await again.run({{ askTitle: () => "mine" }});
      return {{ same: record.id === elsewhere.id, title: record.title, left: (await service.unfinishedTakes()).length }};
    }}""")
    assert found == {"same": True, "title": "by another tab", "left": 0}
    assert len(puts) == 1


def test_one_take_is_finished_by_one(page, puts):
    found = page.evaluate(f"""async () => {{
      const delivery = await ({_SUNG})();
      await delivery.letGo();
      const [{{ id }}] = await service.unfinishedTakes();
      const finished = await Promise.allSettled([service.finishTake(id), recording().finishTake(id), service.discardTake(id)]);
      const names = finished.map(({{ status, reason }}) => reason?.name ?? status);
      return [names.sort(), (await records()).length, await service.finishTake(id).catch(({{ name }}) => name)];
    }}""")
    assert found == [["InvalidStateError", "InvalidStateError", "fulfilled"], 1, "NotFoundError"]
    assert len(puts) == 1


def test_a_discarded_take_is_given_up_at_orak_too(page):
    given_up = []
    page.on("request", lambda request: request.method == "DELETE" and given_up.append(request.url))
    found = page.evaluate(f"""async () => {{
      const delivery = await ({_SUNG})();
      delivery.run({{ askTitle: () => new Promise(() => {{}}) }});
      while (delivery.known.uploadId === undefined) await passed(20);
      const {{ uploadId }} = delivery.known;
      const again = new orak.Delivery(service.api, delivery.blob, delivery.pack, {{ kept: delivery.kept }});
      await again.letGo();
      const [{{ id }}] = await service.unfinishedTakes();
      await service.discardTake(id);
      return [uploadId, (await service.unfinishedTakes()).length];
    }}""")
    assert found[1] == 0
    assert [url.rsplit("/", 1)[-1] for url in given_up] == [str(found[0])]


def test_a_title_that_orak_refuses_costs_the_title_alone(page, puts):
    found = page.evaluate(f"""async () => {{
      const delivery = await ({_SUNG})();
      const refused = await delivery.run({{ askTitle: () => "x".repeat(256) }}).catch((failure) => failure);
      const record = await delivery.run({{ askTitle: () => "short" }});
      return [refused.code, refused.details[0].field, record.title, (await records()).length];
    }}""")
    assert found == ["VALIDATION_FAILED", "title", "short", 1]
    assert len(puts) == 1


def test_running_twice_is_once(page, puts):
    found = page.evaluate(f"""async () => {{
      const delivery = await ({_SUNG})();
      const [one, other] = await Promise.all([delivery.run({{ askTitle: () => "one" }}), delivery.run({{ askTitle: () => "two" }})]);
      return [one.id === other.id, one.title, (await records()).length];
    }}""")
    assert found == [True, "one", 1]
    assert len(puts) == 1


def test_what_was_aborted_can_be_run_again(page):
    found = page.evaluate(f"""async () => {{
      const delivery = await ({_SUNG})();
      const stop = new AbortController();
      const aborted = delivery.run({{ askTitle: () => new Promise(() => {{}}), signal: stop.signal }}).catch(({{ name }}) => name);
      while (delivery.known.uploadId === undefined) await passed(20);
      stop.abort();
      const name = await aborted;
      const record = await delivery.run({{ askTitle: () => "after all" }});
      return [name, record.title, (await records()).length];
    }}""")
    assert found == ["AbortError", "after all", 1]


def test_the_next_take_may_begin_while_the_last_one_ends(page):
    found = page.evaluate("""async () => {
      const service = recording();
      const titles = ["first", "second"];
      service.showTitleDialog = () => titles.shift();
      await service.startRecording();
      await passed(1100);
      const first = service.stopRecording();
      await service.startRecording(); // at once
      await passed(1100);
      const second = service.stopRecording();
      const sung = [await first, await second];
      return { titles: sung.map(({ title }) => title), tracks: tracks.map(({ readyState }) => readyState) };
    }""")
    assert found == {"titles": ["first", "second"], "tracks": ["ended", "ended"]}


def test_everything_that_was_recorded_is_sent_as_what_the_recorder_said(page, puts):
    """All pieces, the one that comes with `stop` among them, under the signed type."""
    found = page.evaluate("""async () => {
      window.pieces = [];
      window.MediaRecorder = class extends MediaRecorder {
        constructor(...asked) {
          super(...asked);
          this.addEventListener("dataavailable", ({ data }) => pieces.push(data));
        }
      };
      MediaRecorder.isTypeSupported = () => false; // the choice is the browser's
      const { send } = XMLHttpRequest.prototype;
      XMLHttpRequest.prototype.send = function (body) { window.body = body; send.call(this, body); };
      const service = recording();
      await service.startRecording();
      await passed(2500);
      const delivery = await service.endRecording();
      await delivery.run({ askTitle: () => "whole" });
      const ends = async (blob) => [...new Uint8Array(await blob.slice(-16).arrayBuffer())].join();
      return {
        said: delivery.blob.type,
        pieces: pieces.length,
        recorded: pieces.reduce((sum, { size }) => sum + size, 0),
        sent: body.size, // with its duration, some bytes more
        isWhole: await ends(body) === await ends(pieces.at(-1)),
      };
    }""")
    assert found["pieces"] >= 3
    assert found["recorded"] <= found["sent"] < found["recorded"] + 100
    assert found["isWhole"]
    assert found["said"] == "audio/webm;codecs=opus"
    [put] = puts
    assert put.all_headers()["content-type"] == "audio/webm"


def test_a_recorder_of_another_kind_is_believed(page):
    """Safari's MP4 by a stub: what the recorder says is signed, and never what was asked for."""
    asked = []
    page.on(
        "request",
        lambda request: "presigned-url" in request.url and asked.append(request.post_data_json),
    )
    page.evaluate(f"""async () => {{
      window.MediaRecorder = class extends MediaRecorder {{
        get mimeType() {{ return "audio/mp4"; }}
      }};
      const delivery = await ({_SUNG})();
      await delivery.run({{ askTitle: () => "from Safari" }});
    }}""")
    [body] = asked
    assert (body["contentType"], body["originalFilename"]) == ("audio/mp4", "take.m4a")


def test_a_typeless_file_is_known_by_its_name(page):
    asked = []
    page.on(
        "request",
        lambda request: "presigned-url" in request.url and asked.append(request.post_data_json),
    )
    found = page.evaluate("""async () => {
      const send = (name) => new orak.FileUploadService({ token })
        .uploadExternalFile(new File(["bytes"], name), { askTitle: () => "typeless" })
        .then(() => "sent", ({ code, details }) => [code, details.map(({ field }) => field)]);
      return [await send("take.wav"), await send("take")];
    }""")
    assert found[0] == "sent"
    assert found[1][0] == "VALIDATION_FAILED"
    assert [body["contentType"] for body in asked] == ["audio/wav", "application/octet-stream"]


def test_a_take_of_no_bytes_is_no_take(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    found = page.evaluate("""async () => {
      window.MediaRecorder = class extends MediaRecorder {
        addEventListener(name, listener, options) {
          const heard = name === "dataavailable" ? () => listener({ data: new Blob([]) }) : listener;
          super.addEventListener(name, heard, options);
        }
      };
      const service = recording();
      await service.startRecording();
      await passed(1200);
      const failure = await service.stopRecording().catch(({ name }) => name);
      return { failure, left: await service.unfinishedTakes(), uploads: service.uploads, state: service.state };
    }""")
    assert found == {"failure": "EmptyTakeError", "left": [], "uploads": 0, "state": "idle"}
    assert asked == []


def test_an_unknown_duration_is_left_out_and_never_null(page):
    asked = []
    page.on(
        "request",
        lambda request: request.method == "POST" and asked.append(request.post_data_json),
    )
    page.evaluate("""async () => {
      const api = new orak.Api({ token });
      const blob = new Blob(["bytes"]);
      const pack = async () => ({ blob, filename: "take.webm", contentType: "audio/webm", durationSeconds: Infinity });
      await new orak.Delivery(api, blob, pack).run({ askTitle: () => "endless" });
    }""")
    assert len(asked) == 2
    assert all("durationSeconds" not in body for body in asked)


@pytest.mark.parametrize("at", ["presigned-url", "async"])
def test_who_is_asked_to_wait_waits(page, at):
    answers = [503, 429]

    def ask_to_wait(route):
        if route.request.method != "POST" or not answers:
            return route.fallback()
        return route.fulfill(status=answers.pop(), headers={"Retry-After": "2"}, body="later")

    page.route(f"**/{at}", ask_to_wait)
    found = page.evaluate("""async () => {
      const file = new File(["no sound"], "take.wav");
      const began = performance.now();
      const { title } = await new orak.FileUploadService({ token }).uploadExternalFile(file, { askTitle: () => "patient" });
      return { title, waited: performance.now() - began };
    }""")
    assert found["title"] == "patient"
    assert found["waited"] >= 4000


def test_a_token_that_ran_out_is_told_and_a_fresh_one_goes_on(page, puts):
    found = page.evaluate(f"""async () => {{
      let now = token;
      const delivery = await ({_SUNG})();
      delivery.api.token = () => now;
      const failure = await delivery.run({{ askTitle: () => {{ now = "stale"; return "sung"; }} }}).catch((failure) => failure);
      now = token;
      const record = await delivery.run({{ askTitle: () => "not asked" }});
      return [failure.code, record.title, (await records()).length];
    }}""")
    assert found == ["UNAUTHORIZED", "sung", 1]
    assert len(puts) == 1


def test_who_gives_up_while_it_waits_waits_no_longer(page):
    page.route("**/presigned-url", lambda route: route.abort())
    found = page.evaluate("""async () => {
      const waits = [];
      const stop = new AbortController();
      const sent = new orak.FileUploadService({ token }).uploadExternalFile(new File(["no sound"], "take.wav"), {
        askTitle: () => "never", signal: stop.signal, onWaiting: (waiting) => waits.push(waiting) });
      while (!waits.length) await passed(10);
      stop.abort();
      return [await sent.catch(({ name }) => name), waits];
    }""")
    assert found == ["AbortError", [True, False]]


def test_an_abort_that_comes_while_the_record_is_made_comes_too_late(page, puts):
    found = page.evaluate(f"""async () => {{
      const stop = new AbortController();
      const delivery = await ({_SUNG})();
      const {{ fetch }} = window;
      window.fetch = (url, options) => {{
        if (options.method === "POST" && url.endsWith("/records/async")) stop.abort();
        return fetch(url, options);
      }};
      const record = await delivery.run({{ askTitle: () => "once", signal: stop.signal }});
      return [record.title, (await records()).length];
    }}""")
    assert found == ["once", 1]
    assert len(puts) == 1


@pytest.mark.parametrize("is_lost", [False, True])
def test_who_discards_while_the_record_is_made_finds_nothing(page, is_lost):
    lost = []

    def lose(route):
        if route.request.method == "POST" and is_lost and not lost:
            lost.append(route.fetch().json())
            return route.abort()
        return route.fallback()

    page.route("**/records/async", lose)
    found = page.evaluate(f"""async () => {{
      const stop = new AbortController();
      const delivery = await ({_SUNG})();
      const {{ fetch }} = window;
      let asked = false;
      window.fetch = (url, options) => {{
        asked ||= options.method === "POST" && url.endsWith("/records/async");
        return fetch(url, options);
      }};
      const waits = [];
      delivery.run({{ askTitle: () => "gone", signal: stop.signal, onWaiting: (now) => waits.push(now) }}).catch(() => {{}});
      while (!asked || ({str(is_lost).lower()} && !waits.length)) await passed(5);
      stop.abort();
      await delivery.discard();
      return [(await records()).length, (await service.unfinishedTakes()).length];
    }}""")
    assert found == [0, 0]


def test_a_take_of_a_closed_tab_is_still_of_its_song(page):
    found = page.evaluate("""async () => {
      const service = recording({ songId: 7 });
      await service.startRecording();
      await passed(1300);
      const kept = await service.takes.within("readonly", (takes) => takes.getAll());
      await service.discardRecording();
      return kept.map(({ songId }) => songId);
    }""")
    assert found == [7]


def test_a_recorder_that_gives_up_interrupts_and_costs_nothing(page):
    found = page.evaluate("""async () => {
      const service = recording();
      await service.startRecording();
      await passed(1300);
      service.capture.recorder.stop(); // as a browser does on an error
      while (service.state !== "interrupted") await passed(10);
      const record = await service.stopRecording();
      return [(await settled(record.id)).processingStatus, tracks.map(({ readyState }) => readyState)];
    }""")
    assert found == ["COMPLETED", ["ended"]]


def test_a_put_that_another_one_overtakes_is_tried_again(page):
    page.route("**/storage/**", lambda route: route.fulfill(status=409), times=1)
    found = page.evaluate("""async () => {
      const file = new File(["no sound"], "take.wav");
      const { title } = await new orak.FileUploadService({ token }).uploadExternalFile(file, { askTitle: () => "overtaken" });
      return title;
    }""")
    assert found == "overtaken"
