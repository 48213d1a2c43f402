"""What a known voice sings into the microphone is what the converted take sounds like."""

from array import array
from itertools import pairwise

import av
import httpx
import pytest
from conftest import CHROMIUM
from playwright.sync_api import sync_playwright
from test_client import opened

from audio_samples import listen, tone, write

HERTZ = 660.0
SECONDS = 4.0


@pytest.fixture
def singing(tmp_path):
    """A Chromium whose microphone hears a steady tone."""
    voice = write(tmp_path / "voice.wav", tone(hertz=HERTZ), 30, "wav")
    assert CHROMIUM is not None, "there is no Chromium: `just test-browser` installs it on Debian"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",  # tests run as root in containers
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={voice}%noloop",
            ],
        )
        yield browser
        browser.close()


def test_a_take_keeps_its_pitch_and_its_length(singing, demo, tmp_path):
    page = opened(singing.new_context(), demo, demo.token())
    found = page.evaluate(
        """async (seconds) => {
          const service = recording();
          await service.startRecording();
          const began = performance.now();
          await passed(1000 * seconds);
          const sung = (performance.now() - began) / 1000;
          const { id } = await service.stopRecording();
          return { sung, record: await settled(id) };
        }""",
        SECONDS,
    )
    record = found["record"]
    assert record["processingStatus"] == "COMPLETED"
    published = tmp_path / "published.m4a"
    published.write_bytes(httpx.get(record["publicUrl"]).raise_for_status().content)
    assert pitch(published) == pytest.approx(HERTZ, rel=0.01)
    assert listen(published).seconds == pytest.approx(found["sung"], abs=0.3)


def pitch(path):
    """How often a second the middle of a steady tone rises through zero."""
    samples = array("f")
    with av.open(str(path)) as container:
        into_mono = av.AudioResampler("flt", "mono")
        for frame in container.decode(audio=0):
            for mono in into_mono.resample(frame):
                rate = mono.sample_rate
                samples.frombytes(bytes(mono.planes[0])[: 4 * mono.samples])
    middle = samples[len(samples) // 4 : 3 * len(samples) // 4]
    rises = sum(before < 0 <= after for before, after in pairwise(middle))
    return rises * rate / len(middle)
