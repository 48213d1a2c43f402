"""A synthesized singing voice for demos and tests.

It sings the opening of Arirang (traditional).
"""

import math
import random
from array import array
from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.filter import Graph

from orak.adapters.audio.filtering import pull_available

_RATE = 24_000
_TABLE = 512
_BEAT_SECONDS = 0.88
_TONIC_HZ = 233.08
_LEVEL = 0.25  # as quiet as a phone at arm's length, so that the conversion has to raise it

# Centre (Hz), bandwidth (Hz) and level of the first formants, after Peterson and Barney (1952), with the
# singer's formant around 3 kHz.
_VOWELS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "a": ((760, 90, 1.0), (1220, 110, 0.55), (2600, 160, 0.18), (3100, 200, 0.14)),
    "i": ((310, 60, 1.0), (2250, 120, 0.30), (2900, 170, 0.22), (3300, 200, 0.12)),
    "o": ((460, 80, 1.0), (820, 90, 0.60), (2500, 160, 0.09), (3000, 200, 0.08)),
}
# Semitones above the tonic, beats, vowel at the start, vowel at the end.
_MELODY: tuple[tuple[int, float, str, str], ...] = (
    *((-5, 1.5, "a", "a"), (-3, 0.5, "a", "i"), (-5, 0.5, "i", "i"), (-3, 0.5, "a", "a")),
    *((0, 1.5, "a", "a"), (2, 0.5, "a", "i"), (0, 0.5, "i", "i"), (2, 0.5, "a", "a")),
    *((4, 1.0, "a", "a"), (2, 0.5, "a", "a"), (4, 0.5, "a", "a"), (0, 0.5, "i", "i"), (-3, 0.5, "i", "o")),
    *((-5, 1.0, "o", "a"), (0, 2.0, "o", "o")),
)
_ROOM = "0.85:0.7:43|71|113:0.22|0.16|0.10"


def write_sung_sample(path: Path) -> None:
    """Write about 12 s of singing to *path* as a browser's MediaRecorder does.

    The file is WebM with Opus and declares no duration.

    The sound is the same each time, and writing takes under a second.

    Raises:
        OSError: the file cannot be written.
    """
    with av.open(str(path), "w", format="webm", container_options={"live": "1"}) as container:
        stream = container.add_stream("libopus", rate=48_000, layout="mono")
        if not isinstance(stream, AudioStream):
            raise TypeError("libopus")
        stream.bit_rate = 64_000
        position = 0
        for frame in _with_room(_melody()):
            frame.pts, frame.time_base = position, Fraction(1, 48_000)
            position += frame.samples
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _melody() -> "array[float]":
    """Synthesize the melody at 24 kHz, mono, with peaks near `_LEVEL`."""
    breath = random.Random(1926)  # noqa: S311 - noise, not a secret
    sound = array("f")
    phase = 0.0
    for semitones, beats, start, end in _MELODY:
        hertz = _TONIC_HZ * 2 ** (semitones / 12)
        samples = round(beats * _BEAT_SECONDS * _RATE)
        steps = _steps(hertz, samples)
        phases = list(accumulate(steps, initial=phase))
        phase = phases.pop() % 1.0
        first, last = _table(start, hertz), _table(end, hertz)
        envelope = _envelope(samples)
        glide = 1.0 / samples
        for n, turn in enumerate(phases):
            at = int(turn % 1.0 * _TABLE)
            voice = first[at] + (last[at] - first[at]) * n * glide
            sound.append((voice + 0.012 * (breath.random() - 0.5)) * envelope[n])
    loudest = max(map(abs, sound))
    silence = array("f", bytes(4 * _RATE // 4))
    sung = array("f", [sample * _LEVEL / loudest for sample in sound])
    return silence + sung + silence * 3  # lets the room decay


def _steps(hertz: float, samples: int) -> Iterator[float]:
    """Yield the part of a period per sample: a short slide up, then a delayed vibrato."""
    for n in range(samples):
        seconds = n / _RATE
        depth = 0.006 * min(1.0, max(0.0, (seconds - 0.25) / 0.4))
        slide = -0.03 * math.exp(-seconds / 0.04)
        yield hertz * (1 + slide + depth * math.sin(2 * math.pi * 5.6 * seconds)) / _RATE


def _table(vowel: str, hertz: float) -> list[float]:
    """Return one period of *vowel* at this pitch: harmonics shaped by the formants."""
    harmonics = []
    for harmonic in range(1, int(0.45 * _RATE / hertz)):
        frequency = harmonic * hertz
        shape = sum(
            level / math.hypot(1, (frequency - centre) / width) for centre, width, level in _VOWELS[vowel]
        )
        harmonics.append((harmonic, shape / harmonic**0.7))
    turns = [2 * math.pi * n / _TABLE for n in range(_TABLE)]
    period = [sum(level * math.sin(harmonic * turn) for harmonic, level in harmonics) for turn in turns]
    power = math.sqrt(sum(sample * sample for sample in period) / _TABLE)
    return [sample / power for sample in period]


def _envelope(samples: int) -> list[float]:
    """Return a 70 ms attack and a 90 ms release.

    They never reach silence between notes (legato).
    """
    rise, fall = int(0.07 * _RATE), int(0.09 * _RATE)
    part = (min(1.0, n / rise, (samples - n) / fall) for n in range(samples))
    return [
        (0.15 + 0.85 * math.sin(math.pi / 2 * p) ** 2) * (0.7 + 0.3 * math.sin(math.pi * n / samples))
        for n, p in enumerate(part)
    ]


def _with_room(sound: "array[float]") -> Iterator[AudioFrame]:
    """Yield *sound* at 48 kHz with a few early reflections of a room."""
    graph = Graph()
    source = graph.add_abuffer(
        sample_rate=_RATE, format="flt", layout="mono", time_base=Fraction(1, _RATE), name="in"
    )
    sink = graph.add("abuffersink")
    steps = (
        graph.add("aresample", "48000"),
        graph.add("aecho", _ROOM),
        graph.add("aformat", "sample_fmts=flt"),
    )
    graph.link_nodes(source, *steps, sink).configure()
    block = _RATE // 10
    for start in range(0, len(sound), block):
        part = sound[start : start + block]
        frame = AudioFrame("flt", "mono", len(part))
        frame.planes[0].update(part.tobytes())
        frame.sample_rate, frame.pts, frame.time_base = _RATE, start, Fraction(1, _RATE)
        source.push(frame)
        yield from pull_available(sink)
    source.push(None)
    yield from pull_available(sink)
