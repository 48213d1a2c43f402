"""The published audio sounds like what the microphone heard."""

from array import array
from itertools import pairwise

import av
import httpx
import pytest

from audio_samples import listen, tone, write
from client_page import opened

HERTZ = 660.0
SECONDS = 4.0


@pytest.fixture
def singing(launched, tmp_path):
    """Start a Chromium whose microphone hears a steady tone."""
    voice = write(tmp_path / "voice.wav", tone(hertz=HERTZ), 30, "wav")
    with launched(f"--use-file-for-fake-audio-capture={voice}%noloop") as browser:
        yield browser


def test_a_recording_keeps_its_pitch_and_its_duration(singing, demo, tmp_path):
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
    """Return the zero crossings per second in the middle of a steady tone."""
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
