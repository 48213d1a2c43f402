"""Large files, slow and lost networks, and closed tabs."""

import re
import struct
import wave
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from audio_samples import listen
from wire import a_wire_to

MB = 2**20
LARGEST = 200 * MB  # the default MAX_UPLOAD_BYTES
PROGRESS = re.compile(r"^[\d.]+ [kM]B of [\d.]+ MB$")


@pytest.fixture
def wire(demo):
    with a_wire_to(urlsplit(demo.url).port) as wire:
        yield wire


@pytest.fixture
def over(browsing, wire):
    """Open contexts whose traffic goes through the wire, including local traffic."""
    return lambda: browsing(proxy={"server": wire.address, "bypass": "<-loopback>"})


class Line:
    """A page's network, throttled and switched off by the browser."""

    def __init__(self, page, upload: int) -> None:
        self._devtools = page.context.new_cdp_session(page)
        self._devtools.send("Network.enable")
        self._upload = upload
        self.come_back()

    def go_away(self) -> None:
        self._be(offline=True)

    def come_back(self) -> None:
        self._be(offline=False)

    def _be(self, *, offline: bool) -> None:
        conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": self._upload}
        self._devtools.send("Network.emulateNetworkConditions", {"offline": offline, **conditions})


class Memory:
    """Memory of the page's script heap and of each browser process, in bytes."""

    def __init__(self, browser, page) -> None:
        self._browser = browser.new_browser_cdp_session()
        self._page = page.context.new_cdp_session(page)
        self._page.send("Performance.enable")
        self._first = self._look()

    def grown(self) -> int:
        """Return the largest growth since the start."""
        now = self._look()
        return max(now[name] - first for name, first in self._first.items() if name in now)

    def _look(self) -> dict[str, int]:
        processes = self._browser.send("SystemInfo.getProcessInfo")["processInfo"]
        metrics = self._page.send("Performance.getMetrics")["metrics"]
        [heap] = [metric["value"] for metric in metrics if metric["name"] == "JSHeapUsedSize"]
        return {"heap": heap} | {f"{p['type']} {p['id']}": resident(p["id"]) for p in processes}


def resident(pid):
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0  # it has ended meanwhile
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return 1024 * int(found[1]) if found else 0


def until(page, true, seconds=15):
    """Wait until *true* returns true, while the page keeps running."""
    deadline = monotonic() + seconds
    while not true():
        assert monotonic() < deadline
        page.wait_for_timeout(20)


def test_the_largest_file_uploads_gradually_and_can_be_cancelled(chromium, demo, enter, over, wire, tmp_path):
    token = demo.token()
    with over() as context, demo.call(token) as orak:
        page = enter(context, token)
        expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
        Line(page, upload=8 * MB)
        memory = Memory(chromium, page)
        page.locator("#files").set_input_files(quiet(tmp_path / "a long evening.wav"))
        bar = page.get_by_role("progressbar", name="Upload of a long evening.wav")
        shown, texts, grown = [0], [], []
        for _ in range(6):
            until(page, lambda more=shown[-1] + 4 * MB / LARGEST: bar.evaluate("(bar) => bar.value") >= more)
            shown.append(bar.evaluate("(bar) => bar.value"))
            texts.append(page.get_by_text(PROGRESS).inner_text())
            grown.append(memory.grown())
        assert shown == sorted(shown)
        assert shown[-1] < 0.5
        assert wire.sent > 20 * MB
        assert len(set(texts)) == len(texts)
        assert all(text.endswith(" of 209.7 MB") for text in texts)
        assert max(grown) < 60 * MB

        with (
            page.expect_event("requestfailed", lambda request: request.method == "PUT"),
            page.expect_response("**/records/async/uploads/*") as cancelled,
        ):
            page.get_by_role("button", name="Cancel a long evening.wav").click()
        expect(page.get_by_role("heading", name="Uploads")).to_be_hidden()
        expect(page.get_by_label("Title · a long evening.wav")).to_have_count(0)
        sent = wire.sent
        page.wait_for_timeout(500)  # enough time for 4 MB
        assert wire.sent - sent < 10_000
        assert memory.grown() < 60 * MB
        assert orak.get("/me").json() == []
        assert orak.get(cancelled.value.url).json()["processingStatus"] == "CANCELLED"


@pytest.mark.parametrize(
    ("noticed", "seconds"),
    [
        pytest.param(True, 10, id="the device is offline"),
        pytest.param(False, 3, id="only orak is unreachable"),
    ],
)
def test_an_upload_survives_a_lost_network(noticed, seconds, demo, enter, over, wire, tmp_path):
    token = demo.token()
    with over() as context, demo.call(token) as orak:
        page = enter(context, token)
        line = Line(page, upload=2 * MB)
        page.locator("#files").set_input_files(humming(tmp_path / "hum.wav", 40))
        page.get_by_label("Title · hum.wav").press("Enter")
        until(page, lambda: wire.sent > MB)
        wire.cut()
        if noticed:
            line.go_away()
        gone = monotonic()
        waiting = page.get_by_text("No connection. It will continue automatically.")
        expect(waiting).to_be_visible()
        sent = wire.sent
        page.wait_for_timeout(1000 * (seconds - (monotonic() - gone)))
        expect(waiting).to_be_visible()
        assert wire.sent == sent
        wire.mend()
        line.come_back()
        expect(page.get_by_text(PROGRESS)).to_be_visible(timeout=15_000)
        expect(page.get_by_role("button", name="Play hum")).to_be_enabled(timeout=20_000)
        [record] = orak.get("/me").json()
    assert record["processingStatus"] == "COMPLETED"
    assert record["durationSeconds"] == 40


def test_closing_a_tab_after_twenty_seconds_loses_at_most_two_seconds(demo, browsing, enter, tmp_path):
    token = demo.token()
    with browsing() as context, demo.call(token) as orak:
        page = enter(context, token)
        page.get_by_role("button", name="Start recording").click()
        expect(page.get_by_role("timer")).to_have_text("0:20", timeout=25_000)
        page.close(run_before_unload=False)

        page = enter(context, token)
        offered = page.get_by_role("region", name="Unfinished take")
        expect(offered).to_contain_text(re.compile(r"Saved on this device: (18|19|20) seconds"))
        offered.get_by_role("button", name="Finish").click()
        page.get_by_role("textbox").fill("Saved")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Play Saved")).to_be_enabled()
        [record] = orak.get("/me").json()
    assert record["processingStatus"] == "COMPLETED"
    assert record["durationSeconds"] >= 18
    published = tmp_path / "published.m4a"
    published.write_bytes(httpx.get(record["publicUrl"]).raise_for_status().content)
    assert listen(published).seconds >= 18


def quiet(path):
    """Write a silent file of the largest accepted size. Its samples are a hole in a sparse file."""
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", LARGEST - 8) + b"WAVEfmt ")
        file.write(struct.pack("<IHHIIHH", 16, 1, 2, 48_000, 192_000, 4, 16))
        file.write(b"data" + struct.pack("<I", LARGEST - 44))
        file.truncate(LARGEST)
    return path


def humming(path, seconds):
    """Write a square wave of 200 Hz."""
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 48_000, 0, "NONE", ""))
        sound.writeframes((b"\x00\x10" * 120 + b"\x00\xf0" * 120) * 200 * seconds)
    return path
