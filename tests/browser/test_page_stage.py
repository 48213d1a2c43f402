"""The recorder on the page: microphones, levels, dropped files and leaving."""

import re
from time import monotonic

import httpx
import pytest
from playwright.sync_api import expect

from audio_samples import listen, tone, write
from page_actions import reach

_MICROPHONES = """
window.asked = [];
window.tracks = [];
if (navigator.mediaDevices) {  // about:blank has none
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    window.asked.push(wanted);
    const stream = await open(wanted);
    window.tracks.push(...stream.getTracks());
    return stream;
  };
}
"""

_OBJECT_URLS = """
window.urls = { made: 0, left: new Set() };
const [make, drop] = [URL.createObjectURL, URL.revokeObjectURL];
URL.createObjectURL = (blob) => {
  const url = make.call(URL, blob);
  window.urls.made += 1;
  window.urls.left.add(url);
  return url;
};
URL.revokeObjectURL = (url) => { window.urls.left.delete(url); drop.call(URL, url); };
"""


@pytest.fixture
def another(sung):
    """Return a second recording in a file."""
    file = sung.with_name("second verse.webm")
    file.write_bytes(sung.read_bytes())
    return file


class Drag:
    """A drag over the page, sent as the operating system would."""

    def __init__(self, page, **held) -> None:
        self._devtools = page.context.new_cdp_session(page)
        self._held = {"items": [], "dragOperationsMask": 1, **held}

    def enter(self) -> None:
        for kind in ("dragEnter", "dragOver"):
            self._send(kind)

    def drop(self) -> None:
        self._send("drop")

    def _send(self, kind: str) -> None:
        where = {"x": 600, "y": 300}
        self._devtools.send("Input.dispatchDragEvent", {"type": kind, "data": self._held, **where})


def begin(page, until):
    page.get_by_role("button", name="Start recording").click()
    expect(page.get_by_role("timer")).to_have_text(until, timeout=10_000)


def end(page):
    page.get_by_role("button", name="Stop and name the take").click()


def name(page, title):
    page.get_by_label(re.compile("^Title · ")).fill(title)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"Play {title}")).to_be_enabled(timeout=10_000)


def only_record(demo, token):
    with demo.call(token) as orak:
        [record] = orak.get("/me").json()
    assert record["processingStatus"] == "COMPLETED"
    return record


def measured(record, folder):
    published = folder / "published.m4a"
    published.write_bytes(httpx.get(record["publicUrl"]).raise_for_status().content)
    return listen(published)


def test_files_can_be_dropped_anywhere_on_the_page(browsing, enter, sung, another):
    with browsing() as context:
        page = enter(context)
        drag = Drag(page, files=[str(sung), str(another)])
        curtain = page.get_by_text("Drop to upload")
        drag.enter()
        expect(curtain).to_be_visible()
        # DevTools has no event for a drag that leaves the window; this is the browser's.
        page.evaluate("document.body.dispatchEvent(new DragEvent('dragleave', { bubbles: true }))")
        expect(curtain).to_be_hidden()
        drag.enter()
        expect(curtain).to_be_visible()
        drag.drop()
        expect(curtain).to_be_hidden()
        for title in ("second verse", "first verse"):
            page.get_by_label(f"Title · {title}.webm").press("Enter")
        for title in ("first verse", "second verse"):
            expect(page.get_by_role("button", name=f"Play {title}")).to_be_enabled()
        assert len(context.pages) == 1


def test_files_dropped_on_the_sign_in_form_do_not_open(browsing, demo, sung):
    with browsing() as context:
        page = context.new_page()
        page.goto(demo.url)
        expect(page.get_by_label("Access token")).to_be_visible()
        drag = Drag(page, files=[str(sung)])
        drag.enter()
        expect(page.get_by_text("Drop to upload")).to_be_hidden()
        drag.drop()
        expect(page.get_by_label("Access token")).to_be_visible()
        assert len(context.pages) == 1


def test_dropped_text_is_ignored(demo, browsing, enter):
    with browsing() as context:
        page = enter(context)
        expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
        asked = []
        page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
        drag = Drag(page, items=[{"mimeType": "text/plain", "data": "na-na-na"}])
        drag.enter()
        expect(page.get_by_text("Drop to upload")).to_be_hidden()
        drag.drop()
        # Wait for the next frame: a drop would have started an upload by then.
        page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        expect(page.get_by_role("heading", name="Uploads")).to_be_hidden()
        assert [url for url in asked if "presigned-url" in url] == []
        assert page.url == f"{demo.url}/"
        assert len(context.pages) == 1


def at_first(level, seconds):
    """Return a tone of *level* for *seconds*, then a quiet one."""
    loud, quiet = tone(level), tone(0.1)
    return lambda t: loud(t) if t < seconds else quiet(t)


def test_a_clipping_voice_gets_a_warning_that_goes_away(launched, enter, tmp_path):
    voice = write(tmp_path / "voice.wav", at_first(1.0, seconds=2), 20, "wav")
    with launched(f"--use-file-for-fake-audio-capture={voice}%noloop") as browser:
        page = enter(browser.new_context(locale="en-US"))
        begin(page, until="0:01")
        status = page.get_by_role("status").filter(has_text="Too loud. Move back a little.")
        expect(status).to_be_visible()
        expect(status).to_be_hidden(timeout=10_000)
        expect(page.get_by_role("button", name="Stop and name the take")).to_be_enabled()


def test_a_quiet_voice_gets_no_warning(launched, demo, enter, tmp_path):
    token = demo.token()
    voice = write(tmp_path / "voice.wav", tone(0.1), 20, "wav")
    with launched(f"--use-file-for-fake-audio-capture={voice}%noloop") as browser:
        page = enter(browser.new_context(locale="en-US"), token)
        page.evaluate("""() => {
          window.said = [];
          const node = document.getElementById("clipping");
          const look = () => node.textContent && said.push(node.textContent);
          new MutationObserver(look).observe(node, { childList: true, characterData: true, subtree: true });
        }""")
        begin(page, until="0:03")
        end(page)
        name(page, "Hushed")
        assert page.evaluate("said") == []
    assert only_record(demo, token)["loudness"]["inputLufs"] == pytest.approx(-21, abs=2)  # it was recorded


def test_a_pause_counts_neither_in_the_clock_nor_in_the_audio(demo, browsing, enter, tmp_path):
    token = demo.token()
    with browsing() as context:
        page = enter(context, token)
        timer = page.get_by_role("timer")
        began = monotonic()
        begin(page, until="0:02")
        page.get_by_role("button", name="Pause", exact=True).click()
        expect(page.get_by_text("Paused. Nothing is being recorded.")).to_be_visible()
        stood = timer.inner_text()
        page.wait_for_timeout(3000)
        assert timer.inner_text() == stood
        page.get_by_role("button", name="Resume").click()
        expect(timer).to_have_text("0:04")
        end(page)
        passed = monotonic() - began
        name(page, "In two breaths")
    record = only_record(demo, token)
    assert passed > 7
    assert record["durationSeconds"] in {4, 5}
    assert measured(record, tmp_path).seconds == pytest.approx(4.5, abs=0.7)


def test_the_chosen_microphone_is_the_one_that_records(browsing, enter):
    with browsing() as context:
        context.add_init_script(_MICROPHONES)
        page = enter(context)
        begin(page, until="0:01")  # microphones have no names before the first permission
        choice = page.get_by_label("Microphone")
        expect(choice).to_be_hidden()
        end(page)
        expect(choice).to_be_visible()
        choice.select_option(label="Fake Audio Input 2")
        begin(page, until="0:01")
        [first, second] = page.evaluate("asked.map(({ audio }) => audio.deviceId ?? null)")
        heard_by = page.evaluate("tracks.map((track) => [track.label, track.getSettings().deviceId])")
        end(page)
        expect(choice).to_have_value(second["exact"])
    assert first is None
    assert heard_by == [["Fake Default Audio Input", "default"], ["Fake Audio Input 2", second["exact"]]]


def test_unplugging_the_microphone_is_explained_and_keeps_the_take(demo, browsing, enter, tmp_path):
    token = demo.token()
    with browsing() as context:
        context.add_init_script(_MICROPHONES)
        page = enter(context, token)
        begin(page, until="0:03")
        # What a browser does when a device is unplugged; a fake one cannot be.
        page.evaluate("tracks[0].stop(); tracks[0].dispatchEvent(new Event('ended'))")
        expect(page.locator("#stage-hint")).to_contain_text("No microphone was found.")
        expect(page.get_by_role("button", name="Start recording")).to_be_enabled()
        name(page, "As far as it went")
        expect(page.get_by_role("heading", name="Uploads")).to_be_hidden()
    record = only_record(demo, token)
    assert record["durationSeconds"] in {3, 4}
    assert measured(record, tmp_path).seconds >= 2.8


def test_the_page_warns_when_a_recording_cannot_be_kept(browsing, enter):
    with browsing() as context:
        context.add_init_script("IDBFactory.prototype.open = () => { throw new Error('a private window'); };")
        page = enter(context)
        begin(page, until="0:01")
        expect(page.locator("#stage-hint")).to_contain_text("This browser cannot keep a copy")
        end(page)
        name(page, "Sung all the same")


def test_leaving_needs_confirmation_only_while_recording_or_uploading(browsing, enter):
    with browsing() as context:
        page = enter(context)
        begin(page, until="0:01")
        dismiss_leaving(page)
        expect(page.get_by_role("timer")).to_have_text(
            "0:03"
        )  # recording continues after the dialog is dismissed
        end(page)
        expect(page.get_by_role("heading", name="Uploads")).to_be_visible()
        dismiss_leaving(page)
        name(page, "Stayed")
        expect(page.get_by_role("heading", name="Uploads")).to_be_hidden()
        asked = []
        page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
        with page.expect_event("close"):
            page.close(run_before_unload=True)
        assert asked == []


def dismiss_leaving(page):
    """Try to close the page, and dismiss the confirmation."""
    with page.expect_event("dialog") as asked:
        page.once("dialog", lambda dialog: dialog.dismiss())
        page.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"


def test_object_urls_are_revoked_after_use(browsing, enter, sung, another):
    with browsing() as context:
        context.add_init_script(_OBJECT_URLS)
        page = enter(context)
        begin(page, until="0:01")
        end(page)
        name(page, "Own")
        page.locator("#files").set_input_files([sung, another])
        page.get_by_role("button", name="Cancel second verse.webm").click()
        name(page, "First")
        for title in ("Own", "First"):  # the second closes what the first has opened
            page.get_by_role("button", name=f"Play {title}").click()
            slider = page.get_by_role("slider", name=f"Position in {title}")
            expect(slider).not_to_have_attribute("aria-valuenow", "0")
        expect(page.get_by_role("slider")).to_have_count(1)
        page.get_by_role("button", name="Delete First").click()
        expect(page.get_by_role("slider")).to_have_count(0)
        page.wait_for_function("urls.left.size === 0")


def test_files_can_be_chosen_from_the_keyboard(browsing, enter, sung, another):
    with browsing() as context:
        page = enter(context)
        # Intercept choosers early: a key pressed before that opens a real one.
        page.on("filechooser", lambda _: None)
        expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
        for key, file in (("Enter", sung), ("Space", another)):
            reach(page, "Choose audio files")
            with page.expect_file_chooser() as chooser:
                page.keyboard.press(key)
            assert chooser.value.is_multiple()
            chooser.value.set_files(file)
            expect(page.get_by_label(f"Title · {file.name}")).to_be_focused()
            page.keyboard.press("Enter")
            expect(page.get_by_role("button", name=f"Play {file.stem}")).to_be_enabled()


@pytest.mark.parametrize(
    ("locale", "reason", "cancel"),
    [
        ("en-US", r"Upload failed: This type of file is not supported", "Cancel words.txt"),
        ("ko-KR", r"업로드하지 못했습니다: 지원하지 않는 파일 형식입니다", "words.txt 취소"),
    ],
    ids=["en", "ko"],
)
def test_a_file_that_is_not_audio_is_refused_with_a_reason(
    demo, browsing, enter, tmp_path, locale, reason, cancel
):
    token = demo.token()
    words = tmp_path / "words.txt"
    words.write_text("na-na-na")
    with browsing(locale=locale) as context:
        page = enter(context, token)
        page.locator("#files").set_input_files(words)
        card = page.get_by_role("listitem").filter(has=page.get_by_role("textbox"))
        expect(card).to_contain_text(re.compile(reason))
        page.get_by_role("button", name=cancel).click()
        expect(card).to_have_count(0)
    with demo.call(token) as orak:
        assert orak.get("/me").json() == []


def test_a_refusal_names_the_accepted_files(browsing, enter, tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("na-na-na")
    with browsing() as context:
        page = enter(context)
        page.locator("#files").set_input_files(words)
        reason = page.locator(".arrival-foot .problem")
        expect(reason).to_contain_text("Choose webm, ogg, m4a, mp3,")
        assert len(reason.inner_text()) < 200  # orak's own message lists all content types


def test_a_title_changed_after_a_failure_is_saved(browsing, enter, sung):
    with browsing() as context:
        context.route("**/storage/**", lambda route: route.fulfill(status=403), times=2)
        page = enter(context)
        page.locator("#files").set_input_files(sung)
        title = page.get_by_label("Title · first verse.webm")
        title.fill("One")
        title.press("Enter")
        again = page.get_by_role("button", name="Try again")
        expect(again).to_be_visible()
        expect(title).to_be_editable()
        title.fill("Two")
        again.click()
        expect(page.get_by_role("heading", name="Uploads")).to_be_hidden()
        expect(page.get_by_role("button", name="Play Two")).to_be_enabled()


def test_a_failed_upload_is_announced_to_screen_readers(browsing, enter, sung):
    with browsing() as context:
        context.route("**/storage/**", lambda route: route.fulfill(status=403))
        page = enter(context)
        page.locator("#files").set_input_files(sung)
        expect(page.get_by_role("button", name="Try again")).to_be_visible()
        failure = re.compile("Upload failed")
        announced = page.get_by_role("alert").or_(page.get_by_role("status")).filter(has_text=failure)
        expect(announced.first).to_be_attached()


def test_saving_a_title_waits_for_the_network(browsing, enter, sung):
    with browsing() as context:
        page = enter(context)
        page.locator("#files").set_input_files(sung)
        expect(page.get_by_text("Uploaded. Add a title to save it.")).to_be_visible()
        context.set_offline(True)
        page.get_by_label("Title · first verse.webm").press("Enter")
        expect(page.get_by_text("No connection. It will continue automatically.")).to_be_visible()
        context.set_offline(False)
        expect(page.get_by_role("button", name="Play first verse")).to_be_enabled()
