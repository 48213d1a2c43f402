"""How loud a take is."""

import math
from collections.abc import Iterator, Sequence

import msgspec
from av.audio.frame import AudioFrame

from orak.adapters.audio.decoding import Layout
from orak.adapters.audio.filtering import Filter, filtered

_GATED_LUFS = -70.0
"""Below this nothing counts as sound (the absolute gate of ITU-R BS.1770-4)."""

_METER: tuple[Filter, ...] = (
    ("apad", "pad_dur=0.1"),  # it tells what it found each 100 ms, and would keep the last part to itself
    ("ebur128", "peak=true:dualmono=true:metadata=1:framelog=quiet"),
)


class Measured(msgspec.Struct, frozen=True):
    """What one pass over a take found."""

    samples: int
    lufs: float | None
    """Integrated loudness (ITU-R BS.1770-4, EBU R 128); None for silence and for less than 400 ms."""

    true_peak_db: float | None
    """Highest peak between the samples, four times oversampled, in dBTP; None for digital silence."""


def measured(frames: Iterator[AudioFrame], layout: Layout, filters: Sequence[Filter] = ()) -> Measured:
    """Listen to *frames* (48 kHz) as they come out of *filters*, and keep none of them.

    One channel is measured as what is published of it: the same in both ears.
    """
    samples = 0

    def counted() -> Iterator[AudioFrame]:
        nonlocal samples
        for frame in frames:
            samples += frame.samples
            yield frame

    lufs = _GATED_LUFS
    peak = 0.0
    for frame in filtered(counted(), layout, (*filters, *_METER)):
        found = frame.metadata
        lufs = float(found.get("lavfi.r128.I", lufs))
        peak = max(peak, float(found.get("lavfi.r128.true_peak", 0.0)))
    return Measured(
        samples=samples,
        lufs=lufs if math.isfinite(lufs) and lufs > _GATED_LUFS else None,
        true_peak_db=20 * math.log10(peak) if math.isfinite(peak) and peak > 0 else None,
    )
