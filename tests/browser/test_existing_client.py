"""Front ends written for the original app run against `orak serve`, and so do their calls through our client."""
# ruff: noqa: E501 - lines of JavaScript

import subprocess
from pathlib import Path

import pytest

from cli_processes import CliProcess
from client_page import COUNT, opened
from demo_server import SECRET, Server

ROOT = Path(__file__).parents[2]
EXISTING = Path(__file__).parent / "existing_client"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    process = CliProcess("serve", "--port", 0, "--data-dir", folder, env={"JWT_SECRET": SECRET})
    yield Server(process.wait_for(r"serves (http://\S+)")[1])
    process.close()


@pytest.fixture
def page(chromium, server):
    """Return a page of orak's origin that also serves the modules of the existing client."""
    with chromium.new_context() as context:
        context.add_init_script(COUNT)
        context.route(
            "**/existing/*.js",
            lambda route: route.fulfill(path=EXISTING / route.request.url.rsplit("/", 1)[-1]),
        )
        yield opened(context, server, server.token())


@pytest.fixture
def calls(page):
    """Collect the calls of an upload as (method, last part of the path, type)."""
    seen = []

    def note(request):
        if request.method in {"POST", "PUT"}:
            name = "storage" if "/storage/" in request.url else request.url.rsplit("/", 1)[-1]
            seen.append((request.method, name, request.headers.get("content-type", "").split(";")[0]))

    page.on("request", note)
    return seen


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Build the hooks with React into one module."""
    built = tmp_path_factory.mktemp("bundle") / "hook.js"
    esbuild = ROOT / "node_modules" / ".bin" / "esbuild"
    assert esbuild.exists(), "the packages of Node are missing: `just test-browser` installs them"
    options = ["--bundle", "--format=esm", '--define:process.env.NODE_ENV="production"', f"--outfile={built}"]
    subprocess.run([esbuild, EXISTING / "hook.ts", *options], check=True, cwd=ROOT, capture_output=True)
    return built


@pytest.fixture
def hooks(page, bundle):
    """Return the page with the module of the hooks as `hooks`."""
    page.route("**/existing/hook.js", lambda route: route.fulfill(path=bundle))
    page.evaluate("async () => { window.hooks = await import('/existing/hook.js'); }")
    return page


_ORIGINAL_CALLS = [
    ("POST", "presigned-url", "multipart/form-data"),
    ("PUT", "storage", "audio/mpeg"),
    ("POST", "async", "application/json"),
]
_OUR_CALLS = [
    ("POST", "presigned-url", "application/json"),
    ("PUT", "storage", "audio/webm"),
    ("POST", "async", "application/json"),
]


def test_the_original_recording_service_runs(page, calls):
    found = page.evaluate("""async () => {
      const { App } = await import("/existing/app.js");
      const service = new App();
      service.token = token;
      await service.startRecording();
      await passed(2200);
      const record = await service.stopRecording();
      return { record, done: await settled(record.id) };
    }""")
    assert calls == _ORIGINAL_CALLS
    assert found["record"]["title"] == "내 첫 번째 녹음"
    assert found["done"]["processingStatus"] == "COMPLETED"  # WebM that was called recording.mp3
    assert found["done"]["durationSeconds"] in {1, 2, 3}


def test_the_original_file_upload_service_runs(page, calls, sung):
    found = page.evaluate(
        """async (bytes) => {
          const { Files } = await import("/existing/app.js");
          const service = new Files();
          service.token = token;
          const record = await service.uploadExternalFile(new File([new Uint8Array(bytes)], "verse.webm", { type: "audio/webm" }));
          return { record, done: await settled(record.id) };
        }""",
        list(sung.read_bytes()),
    )
    assert calls == _ORIGINAL_CALLS
    assert found["record"]["title"] == "첫 번째 파일"
    assert found["done"]["processingStatus"] == "COMPLETED"


def test_the_original_file_upload_service_sends_a_file_without_a_duration(page, calls):
    """The original's `getDuration` returns Infinity for what a browser has recorded in pieces."""
    found = page.evaluate("""async () => {
      const { Files } = await import("/existing/app.js");
      const recorder = new MediaRecorder(await navigator.mediaDevices.getUserMedia({ audio: true }));
      const pieces = [];
      recorder.ondataavailable = ({ data }) => pieces.push(data);
      const stopped = new Promise((done) => (recorder.onstop = done));
      recorder.start(100);
      await passed(1300);
      recorder.stop();
      await stopped;
      const service = new Files();
      service.token = token;
      const record = await service.uploadExternalFile(new File(pieces, "노래.webm", { type: "audio/webm" }));
      return { first: record.durationSeconds, done: await settled(record.id) };
    }""")
    assert calls == _ORIGINAL_CALLS
    assert found["done"]["processingStatus"] == "COMPLETED"
    assert found["done"]["durationSeconds"] in {1, 2}


def test_the_original_hook_runs(hooks, calls):
    found = hooks.evaluate("""async () => {
      const shown = hooks.rendered("original", token);
      while (!shown.now) await passed(5);
      await shown.now.startRecording();
      await passed(2200);
      // The original stops before it has the recording: an app asks its recorder for it first.
      const before = shown.seen.length;
      recorders[0].requestData();
      while (shown.seen.length === before) await passed(5);
      const record = await shown.now.stopRecording("훅으로");
      while (shown.seen.at(-1) !== "idle") await passed(5);
      return { record, seen: [...new Set(shown.seen)], done: await settled(record.id) };
    }""")
    assert calls == _OUR_CALLS
    assert found["record"]["title"] == "훅으로"
    assert found["seen"] == ["idle", "recording", "uploading"]
    assert found["done"]["processingStatus"] == "COMPLETED"


def test_our_recording_service_takes_the_same_calls(page, calls):
    found = page.evaluate("""async () => {
      const service = new orak.RecordingService();
      service.showTitleDialog = async () => "같은 호출";
      service.token = token; // later than the constructor
      await service.startRecording();
      await passed(2200);
      const record = await service.stopRecording();
      return { record, done: await settled(record.id) };
    }""")
    assert calls == _OUR_CALLS
    assert found["record"]["title"] == "같은 호출"
    assert found["done"]["processingStatus"] == "COMPLETED"
    assert found["done"]["durationSeconds"] in {1, 2, 3}


def test_our_file_upload_service_takes_the_same_calls(page, calls, sung):
    found = page.evaluate(
        """async (bytes) => {
          const service = new orak.FileUploadService();
          service.token = token;
          service.showTitleDialog = async () => "같은 파일";
          const record = await service.uploadExternalFile(new File([new Uint8Array(bytes)], "verse.webm", { type: "audio/webm" }));
          return { record, done: await settled(record.id) };
        }""",
        list(sung.read_bytes()),
    )
    assert calls == _OUR_CALLS
    assert found["record"]["title"] == "같은 파일"
    assert found["done"]["processingStatus"] == "COMPLETED"


def test_our_hook_takes_the_same_calls(hooks, calls):
    found = hooks.evaluate("""async () => {
      const shown = hooks.rendered("ours", token);
      while (!shown.now) await passed(5);
      await shown.now.startRecording();
      await passed(2200);
      const record = await shown.now.stopRecording("우리 훅으로");
      while (shown.seen.at(-1) !== "idle") await passed(5);
      return { record, seen: [...new Set(shown.seen)], done: await settled(record.id) };
    }""")
    assert calls == _OUR_CALLS
    assert found["record"]["title"] == "우리 훅으로"
    assert found["seen"] == ["idle", "recording", "uploading"]
    assert found["done"]["processingStatus"] == "COMPLETED"


@pytest.mark.parametrize("kind", ["RecordingService", "FileUploadService"])
def test_both_services_have_the_four_methods(page, calls, sung, kind):
    found = page.evaluate(
        """async ([kind, bytes]) => {
          const service = new orak[kind]();
          service.token = token;
          service.showTitleDialog = async () => "단계별로";
          const blob = new Blob([new Uint8Array(bytes)], { type: "audio/webm;codecs=opus" });
          const signed = await service.requestPresignedUrl(blob, 2);
          const answer = await service.uploadToS3(signed.presignedUrl, blob);
          const again = await service.uploadToS3(signed.presignedUrl, blob);
          const title = await service.showTitleDialog();
          const record = await service.createRecord({ title, uploadId: signed.uploadId, durationSeconds: 2 });
          const isAnswer = answer instanceof Response;
          return { isAnswer, ok: answer.ok, again: [200, 412].includes(again.status), record, done: await settled(record.id) };
        }""",
        [kind, list(sung.read_bytes())],
    )
    assert [call[0] for call in calls] == ["POST", "PUT", "PUT", "POST"]
    assert (found["isAnswer"], found["ok"], found["again"]) == (True, True, True)
    assert found["record"]["title"] == "단계별로"
    assert found["done"]["processingStatus"] == "COMPLETED"


def test_a_subclass_of_our_service_may_be_the_original_one(page, calls):
    """It has fields of its own, overrides `stopRecording`, and mixes its methods with ours."""
    found = page.evaluate("""async () => {
      class Studio extends orak.RecordingService {
        token = token;
        audioBlob = null;
        startTime = 0;
        state = "mine";
        capture = "mine";
        async startRecording() {
          this.startTime = Date.now();
          this.recorder = new MediaRecorder(await navigator.mediaDevices.getUserMedia({ audio: true }));
          this.recorder.ondataavailable = ({ data }) => (this.audioBlob = data);
          this.recorder.start();
        }
        async stopRecording() {
          const stopped = new Promise((done) => (this.recorder.onstop = done));
          this.recorder.stop();
          await stopped;
          const durationSeconds = Math.floor((Date.now() - this.startTime) / 1000);
          const uploadResponse = await this.requestPresignedUrl(this.audioBlob, durationSeconds);
          await this.uploadToS3(uploadResponse.presignedUrl, this.audioBlob);
          const title = await this.showTitleDialog();
          return this.createRecord({ title, uploadId: uploadResponse.uploadId, durationSeconds });
        }
        async requestPresignedUrl(audioBlob, durationSeconds) {
          const formData = new FormData();
          formData.append("originalFilename", "recording.mp3");
          formData.append("fileSize", audioBlob.size);
          formData.append("contentType", "audio/mpeg");
          formData.append("durationSeconds", durationSeconds);
          const headers = { Authorization: `Bearer ${this.token}` };
          return (await fetch("/records/async/presigned-url", { method: "POST", headers, body: formData })).json();
        }
        async showTitleDialog() {
          return "하위 클래스";
        }
      }
      const service = new Studio();
      await service.startRecording();
      await passed(1200);
      const record = await service.stopRecording();
      return { title: record.title, state: service.state, status: (await settled(record.id)).processingStatus };
    }""")
    assert calls == _ORIGINAL_CALLS  # our PUT sends the type that their request had signed
    assert found == {"title": "하위 클래스", "state": "mine", "status": "COMPLETED"}


def test_a_whole_upload_uses_the_methods_that_an_app_overrides(page):
    found = page.evaluate("""async () => {
      const steps = [];
      class Studio extends orak.RecordingService {
        showTitleDialog = () => "겹쳐 쓴 것";
        requestPresignedUrl(...given) { steps.push("presign"); return super.requestPresignedUrl(...given); }
        uploadToS3(url, blob) { steps.push(typeof url); return super.uploadToS3(url, blob); }
        createRecord(record) { steps.push(record.durationSeconds > 0); return super.createRecord({ ...record, title: `${record.title}!` }); }
      }
      const service = new Studio();
      service.token = token;
      await service.startRecording();
      await passed(1200);
      const record = await service.stopRecording();
      return { steps, title: record.title, left: (await service.unfinishedTakes()).length };
    }""")
    assert found == {"steps": ["presign", "string", True], "title": "겹쳐 쓴 것!", "left": 0}


def test_a_recording_stays_when_an_override_answers_with_an_error(page):
    found = page.evaluate("""async () => {
      const service = new orak.RecordingService({ token, showTitleDialog: () => "실패" });
      service.createRecord = async () => ({ error: { code: "UNAVAILABLE" } }); // as the original one does
      await service.startRecording();
      await passed(1200);
      const failure = await service.stopRecording().catch(({ name }) => name);
      return [failure, (await service.unfinishedTakes()).length];
    }""")
    assert found == ["OrakError", 1]


def test_the_duration_of_a_live_recording_is_rounded_down(page):
    found = page.evaluate("""async () => {
      const { getDuration } = await import("/existing/get-duration.js");
      const recorder = new MediaRecorder(await navigator.mediaDevices.getUserMedia({ audio: true }));
      const pieces = [];
      recorder.ondataavailable = ({ data }) => pieces.push(data);
      const stopped = new Promise((done) => (recorder.onstop = done));
      recorder.start(100); // pieces make a file without a duration
      await passed(1900);
      recorder.stop();
      await stopped;
      const live = new Blob(pieces, { type: "audio/webm" });
      return [String(await getDuration(live)), await orak.getDuration(live)];
    }""")
    original, ours = found
    assert original == "Infinity"
    assert ours in {1, 2}  # never 1.9


def test_configured_options_serve_every_service(page):
    found = page.evaluate("""async () => {
      const early = new orak.FileUploadService();
      const failure = await early.records.list().catch(({ code, status, message }) => [code, status, message]);
      orak.configure({ token: "refused" });
      const refused = await early.records.list().catch(({ code }) => code);
      orak.configure({ token: async () => token });
      const own = new orak.RecordingService({ token: "own" });
      const mine = await own.records.list().catch(({ code }) => code);
      own.token = undefined;
      return { failure, refused, mine, now: [(await early.records.list()).length, (await own.records.list()).length] };
    }""")
    assert found["failure"][:2] == ["UNAUTHORIZED", 401]
    assert "configure" in found["failure"][2]
    assert (found["refused"], found["mine"], found["now"]) == ("UNAUTHORIZED", "UNAUTHORIZED", [0, 0])


def test_records_are_listed_renamed_and_deleted(page, sung):
    found = page.evaluate(
        """async (bytes) => {
          const { records, ...service } = new orak.FileUploadService({ token });
          const files = new orak.FileUploadService({ token });
          for (const title of ["하나", "둘", "셋"]) {
            await files.uploadExternalFile(new File([new Uint8Array(bytes)], "verse.webm"), { askTitle: () => title });
          }
          const page = await records.list({ limit: 2 });
          const rest = await records.list({ limit: 2, cursor: page.next });
          const renamed = await records.rename(rest[0].id, "처음");
          await records.delete(page[0].id);
          const gone = await records.get(page[0].id).catch(({ status }) => status);
          await settled(renamed.id);
          const retried = await records.retry(renamed.id).catch(({ status }) => status);
          return {
            pages: [page, rest].map((one) => one.map(({ title }) => title)), end: rest.next,
            renamed: renamed.title, gone, retried, left: (await records.list()).map(({ title }) => title),
          };
        }""",
        list(sung.read_bytes()),
    )
    assert found == {
        "pages": [["셋", "둘"], ["하나"]],
        "end": None,
        "renamed": "처음",
        "gone": 404,
        "retried": 409,  # it has not failed
        "left": ["둘", "처음"],
    }
