"""Measurement of loudness and true peak."""

import math
from collections import deque
from collections.abc import Iterator, Sequence

import msgspec
from av.audio.frame import AudioFrame

from orak.adapters.audio.decoding import RATE, Layout
from orak.adapters.audio.filtering import Filter, apply_filters

_ABSOLUTE_GATE_LUFS = -70.0
"""Quieter blocks do not count as sound (absolute gate of ITU-R BS.1770-4)."""

_SHORTEST_SECONDS = 0.4
"""Less has no loudness: the length of one block of ITU-R BS.1770-4."""

_METER: tuple[Filter, ...] = (
    # The meter reports every 100 ms and would withhold the peak of an incomplete last step.
    ("apad", "pad_dur=0.1"),
    ("ebur128", "peak=true:dualmono=true:metadata=1:framelog=quiet"),
)


class Measurement(msgspec.Struct, frozen=True):
    """The result of one measuring pass."""

    samples: int
    lufs: float | None
    """Integrated loudness (ITU-R BS.1770-4, EBU R 128); None for silence and for less than 400 ms."""

    true_peak_db: float | None
    """True peak in dBTP, oversampled four times; None for digital silence."""


def measure(frames: Iterator[AudioFrame], layout: Layout, filters: Sequence[Filter] = ()) -> Measurement:
    """Return the loudness and true peak of *frames* (48 kHz) after *filters*.

    This consumes the frames.

    Mono is measured as it is published: the same signal in both channels.
    """
    samples = 0

    def counted() -> Iterator[AudioFrame]:
        nonlocal samples
        for frame in frames:
            samples += frame.samples
            yield frame

    # Blocks that reach into the padding do not count: BS.1770-4 measures complete blocks only.
    readings: deque[tuple[int, float]] = deque(maxlen=3)
    measured = 0
    peak = 0.0
    for frame in apply_filters(counted(), layout, (*filters, *_METER)):
        found = frame.metadata
        measured += frame.samples
        if "lavfi.r128.I" in found:
            readings.append((measured, float(found["lavfi.r128.I"])))
        peak = max(peak, float(found.get("lavfi.r128.true_peak", 0.0)))
    complete = [reading for end, reading in readings if end <= samples]
    lufs = complete[-1] if complete else _ABSOLUTE_GATE_LUFS
    return Measurement(
        samples=samples,
        lufs=lufs if lufs > _ABSOLUTE_GATE_LUFS and samples >= _SHORTEST_SECONDS * RATE else None,
        true_peak_db=20 * math.log10(peak) if math.isfinite(peak) and peak > 0 else None,
    )
