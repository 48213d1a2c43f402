"""The MP4 file that orak writes itself, read by libav."""

import struct

import av
import pytest

import audio_samples as samples
from orak.adapters.audio.encoding import encode
from orak.domain.audio import AudioProfile

RATE = samples.RATE


def encoded(path, count, sound=None):
    """Encode *count* samples into *path*; return it."""
    frames = samples.frames(sound or samples.chord(), count / RATE, RATE, "stereo")
    encode(
        iter(frames), path, AudioProfile.AAC_128, "봄날", samples=count, is_mono=False, steady=False
    )  # fmt: skip
    return path


@pytest.mark.parametrize("count", [1, 100, 1023, 1024, 1025, 48_000, 1024 * 1023, 1024 * 1024])
def test_the_duration_is_that_of_the_samples(count, tmp_path):
    path = encoded(tmp_path / "audio", count, samples.silence)

    with av.open(str(path)) as container:
        assert container.streams.audio[0].duration == count
        assert container.duration / av.time_base == pytest.approx(count / RATE, abs=1e-6)
        assert container.streams.audio[0].frames == sum(p.size > 0 for p in container.demux(audio=0))
        assert container.metadata["title"] == "봄날"
    assert samples.listen(path).seconds == pytest.approx(count / RATE, abs=1025 / RATE)


def test_the_index_comes_first_and_any_place_can_be_sought(tmp_path):
    path = encoded(tmp_path / "audio", 60 * RATE)

    data = path.read_bytes()
    assert data.index(b"ftyp") < data.index(b"moov") < data.index(b"mdat")
    for seconds in (0.0, 1.0, 29.5, 59.0):
        assert samples.can_seek(path, seconds)
    assert samples.last_timestamp(path) == pytest.approx(60.0, abs=0.03)


def test_the_bit_rates_are_the_average_and_the_highest_of_a_second(tmp_path):
    voice = samples.chord()
    path = encoded(tmp_path / "audio", 10 * RATE, lambda t: voice(t) if t < 2 else 0.0)

    data = path.read_bytes()
    at = data.index(b"esds") + 20
    highest, average = struct.unpack_from(">II", data, at)
    with av.open(str(path)) as container:
        sizes = [packet.size for packet in container.demux(audio=0)]
    assert average == pytest.approx(8 * sum(sizes) / 10, rel=0.01)
    assert highest == 8 * max(sum(sizes[first : first + 47]) for first in range(len(sizes)))
    assert highest > 2 * average


def test_a_file_is_as_long_as_its_boxes(tmp_path):
    data = encoded(tmp_path / "audio", 3 * RATE).read_bytes()

    at, names = 0, []
    while at < len(data):
        names.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big")
    assert at == len(data)
    assert names == [b"ftyp", b"moov", b"free", b"mdat"]
