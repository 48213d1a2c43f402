"""Deliveries survive failures, and nothing happens twice."""
# ruff: noqa: E501 - lines of JavaScript

import pytest

from client_page import COUNT, opened

_RECORDED = """async () => {
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
    """Collect the PUT requests to the store."""
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


_IS_NOTED = "async () => (await keptTakes()).some(({ uploadId }) => uploadId !== undefined)"


def test_a_recording_whose_upload_is_gone_is_uploaded_again(page, puts):
    found = page.evaluate(f"""async () => {{
      const delivery = await ({_RECORDED})();
      const {{ id }} = delivery.take;
      await delivery.letGo();
      await keptTakes((take) => ({{ ...take, uploadId: 2 ** 40 }})); // as if orak had removed it
      const record = await service.finishTake(id, "again");
      return [(await settled(record.id)).processingStatus, (await records()).length];
    }}""")
    assert found == ["COMPLETED", 1]
    assert len(puts) == 1


def test_an_existing_record_of_the_upload_is_returned(page, puts):
    found = page.evaluate(f"""async () => {{
      const delivery = await ({_RECORDED})();
      let elsewhere;
      const record = await delivery.run({{ askTitle: async () => {{
        while (delivery.uploadId === undefined) await passed(20);
        elsewhere = await service.createRecord({{ title: "by another tab", uploadId: delivery.uploadId }});
        return "mine";
      }} }});
      return {{ same: record.id === elsewhere.id, title: record.title, left: (await service.unfinishedTakes()).length }};
    }}""")
    assert found == {"same": True, "title": "by another tab", "left": 0}
    assert len(puts) == 1


def test_only_one_of_several_calls_finishes_a_recording(page, puts):
    found = page.evaluate(f"""async () => {{
      const delivery = await ({_RECORDED})();
      await delivery.letGo();
      const [{{ id }}] = await service.unfinishedTakes();
      const finished = await Promise.allSettled([service.finishTake(id), recording().finishTake(id), service.discardTake(id)]);
      const names = finished.map(({{ status, reason }}) => reason?.name ?? status);
      return [names.sort(), (await records()).length, await service.finishTake(id).catch(({{ name }}) => name)];
    }}""")
    assert found == [["InvalidStateError", "InvalidStateError", "fulfilled"], 1, "NotFoundError"]
    assert len(puts) == 1


def test_discarding_a_recording_cancels_its_upload(page):
    cancelled = []
    page.on("request", lambda request: request.method == "DELETE" and cancelled.append(request.url))
    found = page.evaluate(f"""async () => {{
      const delivery = await ({_RECORDED})();
      await delivery.run({{ askTitle: async () => {{
        while (delivery.uploadId === undefined) await passed(20);
        throw new orak.OrakError("NETWORK", "lost");
      }} }}).catch(() => {{}});
      const {{ uploadId }} = delivery;
      await delivery.letGo();
      const [{{ id }}] = await service.unfinishedTakes();
      await service.discardTake(id);
      return [uploadId, (await service.unfinishedTakes()).length];
    }}""")
    assert found[1] == 0
    assert [url.rsplit("/", 1)[-1] for url in cancelled] == [str(found[0])]


def test_after_a_refused_title_the_bytes_are_not_sent_again(page, puts):
    found = page.evaluate(f"""async () => {{
      const delivery = await ({_RECORDED})();
      const refused = await delivery.run({{ askTitle: () => "x".repeat(256) }}).catch((failure) => failure);
      const record = await delivery.run({{ askTitle: () => "short" }});
      return [refused.code, refused.details[0].field, record.title, (await records()).length];
    }}""")
    assert found == ["VALIDATION_FAILED", "title", "short", 1]
    assert len(puts) == 1


def test_a_second_run_returns_the_same_record(page, puts):
    found = page.evaluate(f"""async () => {{
      const delivery = await ({_RECORDED})();
      const [one, other] = await Promise.all([delivery.run({{ askTitle: () => "one" }}), delivery.run({{ askTitle: () => "two" }})]);
      return [one.id === other.id, one.title, (await records()).length];
    }}""")
    assert found == [True, "one", 1]
    assert len(puts) == 1


def test_an_aborted_delivery_can_be_run_again(page):
    found = page.evaluate(f"""async () => {{
      const delivery = await ({_RECORDED})();
      const stop = new AbortController();
      const aborted = delivery.run({{ askTitle: () => new Promise(() => {{}}), signal: stop.signal }}).catch(({{ name }}) => name);
      while (delivery.uploadId === undefined) await passed(20);
      stop.abort();
      const name = await aborted;
      const record = await delivery.run({{ askTitle: () => "after all" }});
      return [name, record.title, (await records()).length];
    }}""")
    assert found == ["AbortError", "after all", 1]


def test_a_recording_can_start_while_the_previous_one_ends(page):
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


def test_all_recorded_chunks_are_sent_with_the_recorders_type(page, puts):
    """Every chunk is sent, including the one that arrives with `stop`."""
    found = page.evaluate("""async () => {
      window.pieces = [];
      window.MediaRecorder = class extends MediaRecorder {
        constructor(...asked) {
          super(...asked);
          this.addEventListener("dataavailable", ({ data }) => pieces.push(data));
        }
      };
      MediaRecorder.isTypeSupported = () => false; // the browser chooses the type
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
        sent: body.size, // the duration adds some bytes
        isWhole: await ends(body) === await ends(pieces.at(-1)),
      };
    }""")
    assert found["pieces"] >= 3
    assert found["recorded"] <= found["sent"] < found["recorded"] + 100
    assert found["isWhole"]
    assert found["said"] == "audio/webm;codecs=opus"
    [put] = puts
    assert put.all_headers()["content-type"] == "audio/webm"


def test_the_signed_type_is_the_one_that_the_recorder_reports(page):
    """A stub stands for Safari, which records MP4 whatever type is requested."""
    asked = []
    page.on(
        "request",
        lambda request: "presigned-url" in request.url and asked.append(request.post_data_json),
    )
    page.evaluate(f"""async () => {{
      window.MediaRecorder = class extends MediaRecorder {{
        get mimeType() {{ return "audio/mp4"; }}
      }};
      const delivery = await ({_RECORDED})();
      await delivery.run({{ askTitle: () => "from Safari" }});
    }}""")
    [body] = asked
    assert (body["contentType"], body["originalFilename"]) == ("audio/mp4", "take.m4a")


def test_the_type_of_a_file_without_one_follows_from_its_name(page):
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


def test_an_empty_recording_is_refused_without_any_request(page):
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


def test_an_unknown_duration_is_omitted(page):
    asked = []
    page.on(
        "request",
        lambda request: request.method == "POST" and asked.append(request.post_data_json),
    )
    page.evaluate("""async () => {
      const service = recording();
      const { uploadId } = await service.requestPresignedUrl(new Blob(["bytes"]), Infinity);
      await service.createRecord({ title: "endless", uploadId, durationSeconds: Infinity });
    }""")
    assert len(asked) == 2
    assert all("durationSeconds" not in body for body in asked)


@pytest.mark.parametrize("at", ["presigned-url", "async"])
def test_the_client_waits_for_retry_after(page, at):
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


def test_a_delivery_continues_with_a_fresh_token(page, puts):
    found = page.evaluate(f"""async () => {{
      let now = token;
      const delivery = await ({_RECORDED})();
      service.token = () => now;
      const failure = await delivery.run({{ askTitle: () => {{ now = "stale"; return "sung"; }} }}).catch((failure) => failure);
      now = token;
      const record = await delivery.run({{ askTitle: () => "not asked" }});
      return [failure.code, record.title, (await records()).length];
    }}""")
    assert found == ["UNAUTHORIZED", "sung", 1]
    assert len(puts) == 1


def test_an_abort_ends_the_wait_for_the_network(page):
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


def test_an_abort_during_record_creation_is_ignored(page, puts):
    found = page.evaluate(f"""async () => {{
      const stop = new AbortController();
      const delivery = await ({_RECORDED})();
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
def test_discarding_during_record_creation_leaves_no_record(page, is_lost):
    lost = []

    def lose(route):
        if route.request.method == "POST" and is_lost and not lost:
            lost.append(route.fetch().json())
            return route.abort()
        return route.fallback()

    page.route("**/records/async", lose)
    found = page.evaluate(f"""async () => {{
      const stop = new AbortController();
      const delivery = await ({_RECORDED})();
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


def test_a_recording_keeps_its_song_on_the_device(page):
    found = page.evaluate("""async () => {
      const service = recording({ songId: 7 });
      await service.startRecording();
      await passed(1300);
      const kept = await keptTakes();
      await service.discardRecording();
      return kept.map(({ songId }) => songId);
    }""")
    assert found == [7]


def test_a_recorder_that_stops_by_itself_keeps_what_was_recorded(page):
    found = page.evaluate("""async () => {
      const service = recording();
      await service.startRecording();
      await passed(1300);
      recorders[0].stop(); // as a browser does on an error
      while (service.state !== "interrupted") await passed(10);
      const record = await service.stopRecording();
      return [(await settled(record.id)).processingStatus, tracks.map(({ readyState }) => readyState)];
    }""")
    assert found == ["COMPLETED", ["ended"]]


def test_a_put_that_conflicts_with_another_is_retried(page):
    page.route("**/storage/**", lambda route: route.fulfill(status=409), times=1)
    found = page.evaluate("""async () => {
      const file = new File(["no sound"], "take.wav");
      const { title } = await new orak.FileUploadService({ token }).uploadExternalFile(file, { askTitle: () => "overtaken" });
      return title;
    }""")
    assert found == "overtaken"


def test_a_store_without_conditional_puts_gets_a_plain_one(page, puts):
    """A proxy stands for the store of an orak that could not ask what it can do."""

    def refuse(route):
        is_conditional = "if-none-match" in route.request.headers
        return route.fulfill(status=501) if is_conditional else route.fallback()

    page.route("**/storage/**", refuse)
    cancelled = []
    page.on("request", lambda request: request.method == "DELETE" and cancelled.append(request.url))
    found = page.evaluate(f"""async () => {{
      const delivery = await ({_RECORDED})();
      const record = await delivery.run({{ askTitle: () => "plain" }});
      return [record.title, (await settled(record.id)).processingStatus];
    }}""")
    assert found == ["plain", "COMPLETED"]
    assert ["if-none-match" in put.headers for put in puts] == [True, False]
    assert len(cancelled) == 1


def test_an_object_that_an_earlier_put_has_stored_counts_as_sent(page):
    lost = []

    def lose(route):
        if lost:
            return route.fulfill(status=412)  # as S3 answers; orak's own store answers as before
        lost.append(route.fetch())
        return route.abort()

    page.route("**/storage/**", lose)
    found = page.evaluate(f"""async () => {{
      const delivery = await ({_RECORDED})();
      const record = await delivery.run({{ askTitle: () => "sent once" }});
      return (await settled(record.id)).processingStatus;
    }}""")
    assert found == "COMPLETED"


def test_three_files_are_sent_at_once_and_calls_are_still_answered(page):
    held, is_open = [], False
    page.route("**/storage/**", lambda route: route.fallback() if is_open else held.append(route))
    page.evaluate("""() => {
      const files = new orak.FileUploadService({ token });
      const stop = new AbortController();
      window.stop = stop;
      const send = (name, signal) => files.uploadExternalFile(new File(["no sound"], name), { askTitle: () => name, signal });
      window.sent = [...Array(7).keys()].map((number) => send(`${number}.wav`));
      window.last = send("aborted.wav", stop.signal).catch(({ name }) => name);
    }""")
    page.wait_for_function(
        "performance.getEntriesByName(location.origin + '/records/async/presigned-url').length === 8"
    )
    assert page.evaluate("async () => { stop.abort(); return [await last, (await records()).length]; }") == [
        "AbortError",
        0,
    ]
    assert len(held) == 3
    is_open = True
    for route in held:
        route.fallback()
    titles = page.evaluate("async () => (await Promise.all(sent)).map(({ title }) => title)")
    assert titles == [f"{number}.wav" for number in range(7)]


def test_a_refusal_of_the_store_is_an_answer_of_the_single_step(page):
    found = page.evaluate("""async () => {
      const service = recording();
      const blob = new Blob(["bytes"], { type: "audio/webm" });
      const progress = [];
      const answer = await service.uploadToS3(`${location.origin}/storage/recordings/unknown_take.webm?signature=no`, blob, { onProgress: (sent) => progress.push(sent) });
      return [answer instanceof Response, answer.ok, answer.status, answer.headers.has("content-type"), (await answer.text()).length > 0, progress.at(-1)];
    }""")
    assert found == [True, False, 403, True, True, 5]
