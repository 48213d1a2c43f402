"""The waveform that players draw."""

import math
from array import array
from collections.abc import Iterator
from pathlib import Path

import msgspec
from av.audio.frame import AudioFrame

from orak.adapters.audio.decoding import RATE
from orak.adapters.audio.filtering import Filter
from orak.adapters.audio.published import Part
from orak.domain.audio import PEAK_PAIRS

_MIN = "lavfi.astats.Overall.Min_level"
_MAX = "lavfi.astats.Overall.Max_level"
_DIGITS = 4


class _Waveform(msgspec.Struct, frozen=True, rename="camel"):
    version: int
    duration_seconds: float
    peaks: list[tuple[float, float]]


class Peaks:
    """Collects the lowest and highest sample of each 800th of a recording.

    The frames of the recording pass through.

    libavfilter compares the samples, because a Python loop would take longer than the encoder. It works on
    blocks of at most an 800th of the recording and at most 100 ms. A block on a border counts for both sides.
    """

    def __init__(self, samples: int) -> None:
        self._samples = max(1, samples)
        self._position = 0
        self._low = [math.inf] * PEAK_PAIRS
        self._high = [-math.inf] * PEAK_PAIRS
        self._levels = array("f")

    @property
    def _block(self) -> int:
        return max(1, min(self._samples // PEAK_PAIRS, RATE // 10))

    def filters(self) -> tuple[Filter, ...]:
        """Return the filters to place after the gain.

        They change frame lengths, not the sound.
        """
        return (
            ("asetnsamples", f"n={self._block}:p=0"),
            ("astats", "metadata=1:reset=1:measure_perchannel=none:measure_overall=Min_level+Max_level"),
        )

    def collect(self, frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
        """Yield the filtered frames unchanged, and record their peaks."""
        for frame in frames:
            found = frame.metadata
            self._record(float(found.get(_MIN, 0.0)), float(found.get(_MAX, 0.0)), frame.samples)
            yield frame

    def loudest(self, count: int) -> list[Part]:
        """Return the *count* blocks with the highest peaks."""
        order = sorted(range(len(self._levels)), key=self._levels.__getitem__, reverse=True)
        return [Part(block * self._block, (block + 1) * self._block) for block in order[:count]]

    def _record(self, low: float, high: float, samples: int) -> None:
        self._levels.append(max(-low, high))
        first = self._position * PEAK_PAIRS // self._samples
        self._position += samples
        last = (self._position * PEAK_PAIRS - 1) // self._samples
        for pair in range(min(first, PEAK_PAIRS - 1), min(last, PEAK_PAIRS - 1) + 1):
            self._low[pair] = min(self._low[pair], low)
            self._high[pair] = max(self._high[pair], high)

    def pairs(self) -> list[tuple[float, float]]:
        """Return exactly 800 [min, max] pairs.

        Each value is from -1 to 1 with four decimal places.
        """
        return [(_clamped(low), _clamped(high)) for low, high in zip(self._low, self._high, strict=True)]

    def write(self, path: Path, duration_seconds: float) -> None:
        """Write `{"version": 1, "durationSeconds": f, "peaks": [[min, max] x 800]}`."""
        waveform = _Waveform(version=1, duration_seconds=round(duration_seconds, 3), peaks=self.pairs())
        path.write_bytes(msgspec.json.encode(waveform))


def _clamped(level: float) -> float:
    if math.isinf(level):  # no frame reached this part
        return 0.0
    return round(min(1.0, max(-1.0, level)), _DIGITS) + 0.0  # + 0.0 turns -0.0 into 0.0
