"""Measurement of loudness and true peak."""

import math
from collections import deque
from collections.abc import Iterator, Sequence

import msgspec
from av.audio.frame import AudioFrame

from orak.adapters.audio.decoding import RATE
from orak.adapters.audio.filtering import Chain, Filter, apply_filters
from orak.adapters.audio.samples import LARGEST_SAMPLE

_ABSOLUTE_GATE_LUFS = -70.0
"""Quieter blocks do not count as sound (absolute gate of ITU-R BS.1770-4)."""

_SHORTEST_SECONDS = 0.4
"""Less has no loudness: the length of one block of ITU-R BS.1770-4."""

_STEP_SECONDS = 0.1
"""How often the meter reports."""

_PEAK = "lavfi.astats.Overall.Peak_level"
_PEAK_METER: Filter = ("astats", "metadata=1:reset=1:measure_perchannel=none:measure_overall=Peak_level")
_LOUDNESS_METER: Filter = ("ebur128", "dualmono=true:metadata=1:framelog=quiet")
_LOUDNESS, _MOMENTARY = "lavfi.r128.I", "lavfi.r128.M"
_TRUE_PEAK_METER: tuple[Filter, ...] = (("aresample", str(4 * RATE)), _PEAK_METER)

_PASS_BAND = 0.97
"""What libswresample keeps of the band below half of the lower sample rate."""

_RATE_STEP = 1_000
"""Resampling from 48 kHz to a multiple of this takes few different filters."""


class Measurement(msgspec.Struct, frozen=True):
    """The result of one measuring pass."""

    samples: int
    lufs: float | None
    """Integrated loudness (ITU-R BS.1770-4, EBU R 128); None for silence and for less than 400 ms."""

    true_peak_db: float | None
    """True peak in dBTP, oversampled four times; None for digital silence."""

    lost_lu: float = 0.0
    """How much of the loudness is above the bandwidth of the encoder, which removes it."""

    plausible: bool = True
    """Whether every sample was a number of a size that can be metered."""

    @property
    def kept_lufs(self) -> float | None:
        """The loudness of what the encoder keeps."""
        return None if self.lufs is None else self.lufs - self.lost_lu


class _LoudnessMeter:
    """Meters integrated loudness. Mono counts as it is published: the same signal in both channels."""

    def __init__(self, filters: Sequence[Filter], *more: Filter, rate: int = RATE) -> None:
        """Meter the sound after *filters*, which have this *rate*; *more* filters then see each step."""
        self._filters: tuple[Filter, ...] = (
            *filters,
            ("apad", f"pad_dur={_STEP_SECONDS}"),  # the meter does not report an incomplete last step
            ("asetnsamples", f"n={round(_STEP_SECONDS * rate)}:p=0"),
            *more,
            _LOUDNESS_METER,
        )
        self._rate = rate
        self._chain: Chain | None = None
        # Blocks that reach into the padding do not count: BS.1770-4 measures complete blocks only.
        self._readings: deque[tuple[float, float]] = deque(maxlen=3)
        self._metered = 0
        self.samples = 0
        self.plausible = True
        """Whether the meter works: what is no number stays in its filters."""

    def push(self, frame: AudioFrame | None) -> Iterator[AudioFrame]:
        """Meter *frame*, or the rest at None. Yield the metered steps."""
        if frame is not None:
            self.samples += frame.samples
            self._chain = self._chain or Chain.of(frame, self._filters)
        if self._chain is None:
            return
        for step in self._chain.push(frame):
            self._metered += step.samples
            if _LOUDNESS in (found := step.metadata):
                self._readings.append((self._metered / self._rate, float(found[_LOUDNESS])))
                self.plausible = not math.isnan(float(found[_MOMENTARY]))
            yield step

    @property
    def lufs(self) -> float | None:
        """The integrated loudness; None for silence and for less than 400 ms."""
        seconds = self.samples / RATE
        complete = [reading for end, reading in self._readings if end <= seconds]
        lufs = complete[-1] if complete else _ABSOLUTE_GATE_LUFS
        return lufs if lufs > _ABSOLUTE_GATE_LUFS and seconds >= _SHORTEST_SECONDS else None


class _TruePeakMeter:
    """Meters the highest true peak. It oversamples only the steps that may hold it.

    Those are the ones whose highest sample is at most *span_db* below the highest sample so far. With None,
    the highest sample counts as the peak.
    """

    def __init__(self, span_db: float | None) -> None:
        self._span_db = span_db
        self._highest_db = self._peak_db = -math.inf
        self._chain: Chain | None = None
        self._before: AudioFrame | None = None

    def push(self, step: AudioFrame) -> None:
        """Meter one *step*, with its peak in the metadata."""
        level = float(step.metadata.get(_PEAK, "-inf"))
        self._highest_db = max(self._highest_db, level)
        if self._span_db is None or math.isinf(self._highest_db):
            return
        is_high = level >= self._highest_db - self._span_db
        chain = self._chain
        if is_high and chain is None:
            chain = self._chain = Chain.of(step, _TRUE_PEAK_METER)
            if self._before is not None:  # the oversampling filter reaches beyond the step's borders
                self._read(chain.push(self._before))
        if chain is not None:
            self._read(chain.push(step))
            if not is_high:
                self.finish()
        self._before = step

    def finish(self) -> None:
        """Meter what is still in the oversampling filter."""
        if self._chain is not None:
            self._read(self._chain.push(None))
            self._chain = None

    @property
    def peak_db(self) -> float | None:
        """The highest peak in dBTP; None for digital silence."""
        peak = max(self._highest_db, self._peak_db)
        return peak if math.isfinite(peak) else None

    def _read(self, frames: Iterator[AudioFrame]) -> None:
        for oversampled in frames:
            self._peak_db = max(self._peak_db, float(oversampled.metadata.get(_PEAK, "-inf")))


def measure(
    frames: Iterator[AudioFrame],
    filters: Sequence[Filter] = (),
    *,
    bandwidth_hz: int | None = None,
    span_db: float | None,
) -> Measurement:
    """Return the loudness and true peak of *frames* (48 kHz) after *filters*.

    This consumes the frames.

    With *bandwidth_hz*, what the encoder keeps is measured as well. The true peak is looked for where the
    highest sample of 100 ms is at most *span_db* below the highest of all (see `overshoot_db`). With None,
    the highest sample counts as the true peak.
    """
    whole, peaks = _LoudnessMeter(filters, _PEAK_METER), _TruePeakMeter(span_db)
    kept: _LoudnessMeter | None = None
    if bandwidth_hz is not None:
        rate = _RATE_STEP * math.ceil(2 * bandwidth_hz / _PASS_BAND / _RATE_STEP)
        kept = _LoudnessMeter((*filters, ("aresample", str(rate))), rate=rate)
    for frame in _with_end(frames):
        for step in whole.push(frame):
            peaks.push(step)
        if kept is not None:
            deque(kept.push(frame), maxlen=0)
    peaks.finish()
    lost = 0.0
    if kept is not None and whole.lufs is not None and kept.lufs is not None:
        lost = max(0.0, whole.lufs - kept.lufs)
    plausible = whole.plausible and (peaks.peak_db or 0.0) < 20 * math.log10(LARGEST_SAMPLE)
    return Measurement(whole.samples, whole.lufs, peaks.peak_db, lost, plausible)


def true_peak(frames: Iterator[AudioFrame], filters: Sequence[Filter] = ()) -> float:
    """Return the true peak of all *frames* (48 kHz) after *filters* in dBTP; minus infinity for silence."""
    oversampled = apply_filters(frames, (*filters, *_TRUE_PEAK_METER))
    return max((float(frame.metadata.get(_PEAK, "-inf")) for frame in oversampled), default=-math.inf)


def overshoot_db(bandwidth_hz: int) -> float:
    """Return the most by which the true peak of 48 kHz audio with this bandwidth can exceed its samples.

    A signal without content above W that was sampled at the rate R stays below its highest sample divided
    by cos(pi * W / R) (Ehlich and Zeller 1964).
    """
    return -20 * math.log10(math.cos(math.pi * bandwidth_hz / RATE))


def _with_end(frames: Iterator[AudioFrame]) -> Iterator[AudioFrame | None]:
    yield from frames
    yield None
