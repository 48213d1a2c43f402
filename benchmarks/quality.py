"""`just quality` and `just listen`: how far orak's encoding is from the slow mode of the same encoder.

Both encode the same samples at the same bit rate. `quality` prints how far the noise that they add is below
the sound; `listen` writes both as pairs to compare by ear, in random order.
"""

import argparse
import math
import random
from array import array
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from audio_samples import RATE
from benchmarks.takes import TAKES
from orak.adapters.audio.encoding import encode
from orak.adapters.audio.filtering import Filter, apply_filters
from orak.adapters.audio.loudness import measure
from orak.domain.audio import TARGET_LUFS, AudioProfile

_SECONDS = 10
_BIT_RATE = 128_000
_SLOW: Mapping[str, str] = {"aac_coder": "twoloop"}  # and every tool, which is the default

# Limits of the critical bands in Hz (Zwicker 1961), up to the bandwidth of AAC at this bit rate.
_BARK = (
    *(20, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720),
    *(2000, 2320, 2700, 3150, 3700, 4400, 5300, 6400, 7700, 9500, 12000, 15500),
)
_SILENT_DB = -70.0
"""A band this far below full scale is not heard, and its noise neither."""

Channels = list["array[float]"]


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=Path, metavar="FOLDER", help="write pairs to compare by ear")
    folder = parser.parse_args().pairs
    with TemporaryDirectory(prefix="orak-quality-") as work:
        if folder is None:
            for row in _table(Path(work)):
                print(row, flush=True)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            _write_pairs(Path(work), folder)
            print(f"Listen to the pairs in {folder}, then read {folder / 'key.txt'}.")


def _table(work: Path) -> Iterator[str]:
    yield "| take | SNR, orak | SNR, slow | noise in Bark bands, orak | slow | worst band, orak to slow |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, original, fast, slow in _encodings(work):
        sound = _decoded(original)
        noises = [_difference(sound, _decoded(path)) for path in (fast, slow)]
        snr = [_level(sound) - _level(noise) for noise in noises]
        bands = [_below_sound(sound, noise) for noise in noises]
        means = [sum(levels.values()) / len(levels) for levels in bands]
        worst = max(bands[1], key=lambda band: bands[0][band] - bands[1][band])
        yield (
            f"| {name} | {snr[0]:.1f} dB | {snr[1]:.1f} dB | {means[0]:.1f} dB | {means[1]:.1f} dB | "
            f"{bands[0][worst] - bands[1][worst]:+.1f} dB at {worst} Hz |"
        )


def _write_pairs(work: Path, folder: Path) -> None:
    key = []
    for name, _, fast, slow in _encodings(work):
        pair = [("orak", fast), ("slow", slow)]
        random.shuffle(pair)
        for letter, (_, path) in zip("AB", pair, strict=True):
            _write_wav(folder / f"{name} {letter}.wav", _decoded(path))
        key += [f"{name}: A is {pair[0][0]}, B is {pair[1][0]}"]
    (folder / "key.txt").write_text("\n".join(key) + "\n")


def _encodings(work: Path) -> Iterator[tuple[str, Path, Path, Path]]:
    """Yield each take's name, the samples that are encoded, orak's encoding and the slow one."""
    for name, write in TAKES.items():
        source = write(work / "source.webm", _SECONDS)
        lufs = measure(_frames(source), span_db=None).lufs
        assert lufs is not None
        original, fast, slow = work / "original.wav", work / "fast.m4a", work / "slow.m4a"
        gain: Filter = ("volume", f"{TARGET_LUFS - lufs}dB")
        stereo: Filter = ("aformat", "sample_fmts=fltp:channel_layouts=stereo")
        is_mono = name != "noisy stereo"

        def frames(*filters: Filter, source: Path = source) -> Iterator[AudioFrame]:
            return apply_filters(_frames(source), filters)

        _write_wav(original, _channels(frames(gain, stereo)))
        encode(
            frames(gain, stereo),
            fast,
            AudioProfile.AAC_128,
            name,
            samples=_SECONDS * RATE,
            is_mono=is_mono,
            steady=False,
        )
        _encode_slowly(frames(gain, stereo), slow)
        yield name, original, fast, slow


def _frames(path: Path) -> Iterator[AudioFrame]:
    with av.open(str(path)) as container:
        yield from container.decode(audio=0)


def _encode_slowly(frames: Iterator[AudioFrame], path: Path) -> None:
    with av.open(str(path), "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=RATE, layout="stereo", options=dict(_SLOW))
        assert isinstance(stream, AudioStream)
        stream.bit_rate = _BIT_RATE
        position = 0
        for frame in frames:
            frame.pts, frame.time_base = position, Fraction(1, RATE)
            position += frame.samples
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _decoded(path: Path) -> Channels:
    return _channels(apply_filters(_frames(path), [("aformat", "sample_fmts=fltp")]))


def _channels(frames: Iterator[AudioFrame]) -> Channels:
    found = [array("f"), array("f")]
    for frame in frames:
        for channel, plane in zip(found, frame.planes, strict=True):
            channel.frombytes(bytes(plane)[: 4 * frame.samples])
    return found


def _difference(one: Channels, other: Channels) -> Channels:
    return [array("f", [b - a for a, b in zip(*pair, strict=False)]) for pair in zip(one, other, strict=True)]


def _below_sound(sound: Channels, noise: Channels) -> dict[int, float]:
    """Return the noise in each critical band, in dB of the sound in it, by the band's lower limit."""
    levels = {}
    for low, high in pairwise(_BARK):
        band = [("highpass", f"f={low}"), ("lowpass", f"f={high}")] * 2
        loud = _level(sound, band)
        if loud > _SILENT_DB:
            levels[low] = _level(noise, band) - loud
    return levels


def _level(channels: Channels, filters: Sequence[Filter] = ()) -> float:
    """Return the RMS level in dB of full scale after *filters*."""
    meter: Filter = ("astats", "metadata=1:measure_perchannel=none:measure_overall=RMS_level")
    level = -math.inf
    for frame in apply_filters(_as_frames(channels), (*filters, meter)):
        level = float(frame.metadata["lavfi.astats.Overall.RMS_level"])
    return level


def _as_frames(channels: Channels) -> Iterator[AudioFrame]:
    for start in range(0, len(channels[0]), RATE):
        parts = [channel[start : start + RATE] for channel in channels]
        frame = AudioFrame("fltp", "stereo", len(parts[0]))
        for plane, part in zip(frame.planes, parts, strict=True):
            plane.update(part.tobytes().ljust(plane.buffer_size, b"\0"))
        frame.sample_rate = RATE
        yield frame


def _write_wav(path: Path, channels: Channels) -> None:
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_f32le", rate=RATE, layout="stereo")
        assert isinstance(stream, AudioStream)
        for frame in apply_filters(_as_frames(channels), [("aformat", "sample_fmts=flt")]):
            frame.pts = None
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
