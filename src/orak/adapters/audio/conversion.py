"""One conversion from source to published file, streamed.

Memory does not grow with the duration. The decoded samples are kept on disk where they fit.
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from av.audio.frame import AudioFrame

from orak.adapters.audio.decoding import RATE, Decoder, Layout, open_decoder
from orak.adapters.audio.dips import Peak, apply_dips, find_peaks
from orak.adapters.audio.encoding import bandwidth_hz, encode
from orak.adapters.audio.filtering import Filter, apply_filters
from orak.adapters.audio.gain import Setting
from orak.adapters.audio.limits import weight
from orak.adapters.audio.loudness import Measurement, measure, overshoot_db, true_peak
from orak.adapters.audio.messages import Task
from orak.adapters.audio.peaks import Peaks
from orak.adapters.audio.published import encoded_frames, frames_of_parts
from orak.adapters.audio.resampling import Levels, Treatment, resample
from orak.adapters.audio.samples import KeptSamples
from orak.adapters.audio.sandbox import larger_files
from orak.adapters.audio.search import HIGH_PEAK_DBTP, PEAK_LIMIT_DBTP, LoudnessSearch
from orak.adapters.audio.timeline import Placed
from orak.application.ports.converter import Unconvertible
from orak.domain.audio import Conversion, Loudness
from orak.domain.processing import FailureCode

# Every recording is published in stereo. Mono goes to both channels at -3 dB each (equal power). By ITU-R
# BS.1770 its loudness stays the same, so mono and stereo recordings sound equally loud from one player; a
# mono file at the same LUFS would not. It stays one channel until it is encoded, at half the cost.
_EQUAL_POWER: tuple[Filter, ...] = (("volume", "0.70710678"),)
_TO_STEREO: Mapping[Layout, tuple[Filter, ...]] = {
    "mono": (("pan", "stereo|c0=c0|c1=c0"),),
    "stereo": (),
}
_SOURCE_OVERSHOOT_DB = 3.0
"""How far the true peak of a source is looked for above its samples: a sine at a quarter of the sample rate
exceeds its samples by 3 dB. The published file is measured too, and there nothing is left out."""

_LOUDEST_PARTS = 20
"""How many of the loudest tenths of a second are heard where no promise is near."""

_SURPRISING_DB = 1.0
"""An encoder that raises peaks by more calls for hearing the whole file."""

_LEFT_ONLY: tuple[Filter, ...] = (("pan", "mono|c0=c0"),)
_PLANAR: Filter = ("aformat", "sample_fmts=fltp")
_ENCODER_INPUT: Filter = ("aformat", "sample_fmts=fltp:sample_rates=48000:channel_layouts=stereo")


def convert(
    task: Task, source: Path, *, progress: Callable[[float], None], decoded: Callable[[float], None]
) -> Conversion:
    """Convert *source* in three passes: measure, encode, verify.

    The first pass decodes the source and keeps its samples; the second reads them; the third decodes the
    result. Where peaks are in the way, more passes follow: see `search`.

    *progress* receives a rising fraction from 0 to 1, *decoded* the work done so far (see `limits`).

    Raises:
        Unconvertible: the file cannot be converted.
        MemoryError, OSError: memory or disk space ran out.
    """
    conversion = _Conversion(task, source, _Stages(progress), decoded)
    return conversion.run()


class _Stages:
    """Maps the progress of each stage to that of the whole conversion."""

    def __init__(self, progress: Callable[[float], None]) -> None:
        self._progress = progress
        self._from = self._to = 0.0

    def next(self, share: float) -> None:
        """Begin a stage that takes *share* of what is left."""
        self._from, self._to = self._to, self._to + share * (1 - self._to)

    def __call__(self, fraction: float) -> None:
        self._progress(self._from + (self._to - self._from) * fraction)


class _Conversion:
    def __init__(self, task: Task, source: Path, stages: _Stages, decoded: Callable[[float], None]) -> None:
        self._task = task
        self._source = source
        self._stages = stages
        self._decoded = decoded
        self._work = 0.0
        self._treatment = Treatment("mono")
        self._seconds = 0.0
        self._bandwidth_hz = bandwidth_hz(task.profile)

    @property
    def _layout(self) -> Layout:
        return self._treatment.layout

    def run(self) -> Conversion:
        self._stages.next(0.2)
        with larger_files(self._task.limits.kept_sample_bytes) as most_bytes:
            measured, kept = self._measure_source(most_bytes)
        with kept:
            measured = self._with_true_peak(measured, kept)
            search, peaks = self._search(measured, kept)
        published = search.best.result
        peaks.write(Path(self._task.waveform), self._seconds)
        for written in (self._task.audio, self._task.waveform):
            _fsync(Path(written))
        return Conversion(
            duration_seconds=self._seconds,
            loudness=Loudness(
                input_lufs=_rounded(self._source_lufs(measured)),
                output_lufs=_rounded(published.lufs),
                true_peak_db=_rounded(published.true_peak_db),
                limited_by=search.limited_by,
            ),
            encodings=len(search.encodings),
        )

    def _source_lufs(self, measured: Measurement) -> float | None:
        """Return the loudness before the source was scaled."""
        return None if measured.lufs is None else measured.lufs - 20 * math.log10(self._treatment.scale)

    def _measure_source(self, most_bytes: int) -> tuple[Measurement, KeptSamples]:
        """Measure the source and its duration, choose its treatment, and keep up to *most_bytes* of samples.

        Each treatment but the first repeats the measurement.
        """
        thorough = False
        while True:
            with open_decoder(self._source, self._task.max_duration_seconds) as decoder:
                if self._treatment == Treatment("mono"):
                    self._treatment = Treatment(decoder.layout)
                levels = Levels(thorough=thorough)
                frames = resample(self._counted(decoder), self._treatment, levels)
                measured, kept = self._measure_and_keep(frames, most_bytes)
            if measured.samples == 0:  # too few samples to resample
                raise Unconvertible(FailureCode.EMPTY_AUDIO)
            treatment = self._treatment.improved(decoder.layout, levels)
            conclusive = levels.conclusive and (thorough or measured.plausible)
            if treatment == self._treatment and conclusive:
                self._seconds = round(decoder.seconds, 6)  # 3 s in many frames add up to 2.9999999
                return measured, kept
            kept.close()
            if conclusive or treatment.channels != self._treatment.channels:
                self._treatment = treatment
            thorough = thorough or not conclusive

    def _measure_and_keep(
        self, frames: Iterator[AudioFrame], most_bytes: int
    ) -> tuple[Measurement, KeptSamples]:
        kept = KeptSamples(Path(self._task.audio).parent, most_bytes, self._layout)
        try:
            measured = measure(
                kept.keep(frames), self._source_filters(), bandwidth_hz=self._bandwidth_hz, span_db=None
            )
        except BaseException:
            kept.close()
            raise
        return measured, kept

    def _with_true_peak(self, measured: Measurement, kept: KeptSamples) -> Measurement:
        """Return *measured* with the true peak instead of the highest sample, if it may be in the way."""
        if not LoudnessSearch(measured).is_near_ceiling(_SOURCE_OVERSHOOT_DB):
            return measured
        self._stages.next(0.1)
        with self._source_frames(kept) as frames:
            exact = measure(frames, self._source_filters(), span_db=_SOURCE_OVERSHOOT_DB)
        return msgspec.structs.replace(measured, true_peak_db=exact.true_peak_db)

    def _counted(self, decoder: Decoder) -> Iterator[Placed]:
        """Yield the frames of one pass, and count its work."""
        before = 0.0
        for placed in decoder.frames(self._stages):
            frame = placed.decoded.frame
            self._count(decoder.seconds - before, frame)
            before = decoder.seconds
            yield placed

    def _count(self, seconds: float, frame: AudioFrame) -> None:
        self._work += seconds * weight(frame.layout.nb_channels, frame.sample_rate)
        self._decoded(self._work)

    def _counted_samples(self, frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
        """Yield the *frames* of one pass over known samples, and count its work."""
        seconds = 0.0
        for frame in frames:
            seconds += frame.samples / RATE
            self._count(frame.samples / RATE, frame)
            self._stages(min(1.0, seconds / self._seconds))
            yield frame

    @contextmanager
    def _source_frames(self, kept: KeptSamples) -> Iterator[Iterator[AudioFrame]]:
        if kept.complete:
            yield self._counted_samples(kept.frames())
            return
        with open_decoder(self._source, self._task.max_duration_seconds) as decoder:
            yield resample(self._counted(decoder), self._treatment)

    def _source_filters(self, setting: tuple[Filter, ...] = ()) -> tuple[Filter, ...]:
        """Return the filters that the source's frames pass before measuring and encoding."""
        return (*(_EQUAL_POWER if self._layout == "mono" else ()), *setting)

    def _search(self, measured: Measurement, kept: KeptSamples) -> tuple[LoudnessSearch, Peaks]:
        """Encode until the published file keeps both promises, or nothing better is to be expected.

        The best encoding is then at the task's path. Return its peaks as well.
        """
        search = LoudnessSearch(measured)
        best, spare = Path(self._task.audio), Path(self._task.spare)
        peaks = Peaks(0)
        while step := search.next:
            filters = self._source_filters(step.setting.filters(measured, self._bandwidth_hz))
            if step.action == "rehearse":
                self._stages.next(0.25)
                with self._source_frames(kept) as frames:
                    search = search.after(
                        step,
                        measure(
                            frames, filters, bandwidth_hz=self._bandwidth_hz, span_db=_SOURCE_OVERSHOOT_DB
                        ),
                    )
                continue
            path = spare if search.encodings else best
            found = self._encode(filters, step.setting, measured.samples, path, kept)
            expected = search.expected(step.setting)
            result = None if expected is None else self._check_loudest(path, found, expected)
            search = search.after(step, *(self._measure_encoded(path) if result is None else (result,)))
            if search.best is search.tries[-1]:
                path.replace(best)
                peaks = found
        spare.unlink(missing_ok=True)
        return search, peaks

    def _encode(
        self, filters: tuple[Filter, ...], setting: Setting, samples: int, path: Path, kept: KeptSamples
    ) -> Peaks:
        task = self._task
        self._stages.next(0.8)
        peaks = Peaks(samples)
        chain = (*peaks.filters(), *_TO_STEREO[self._layout], _ENCODER_INPUT)
        with self._source_frames(kept) as source:
            if setting.dips:
                whole = apply_filters(source, (*filters, _PLANAR))
                frames = apply_dips(whole, setting.dips)
            else:
                frames, chain = source, (*filters, *chain)
            filtered = peaks.collect(apply_filters(frames, chain))
            is_mono = self._layout == "mono"
            encode(
                filtered,
                path,
                task.profile,
                task.title,
                samples=samples + RATE,  # a limiter's resampling may add a little
                is_mono=is_mono,
                steady=setting.steady,
            )
        return peaks

    def _check_loudest(self, path: Path, peaks: Peaks, expected: Measurement) -> Measurement | None:
        """Measure the true peak of the loudest parts of an encoded file, whose loudness is as *expected*.

        Return None if it is higher than expected.
        """
        self._stages.next(0.1)
        highest = -math.inf
        with frames_of_parts(path, peaks.loudest(_LOUDEST_PARTS)) as parts:
            for frames in parts:
                heard = self._counted_samples(frames)
                highest = max(highest, true_peak(heard, self._published_filters()))
        if highest > (expected.true_peak_db or 0.0) + _SURPRISING_DB:
            return None
        return msgspec.structs.replace(expected, true_peak_db=highest)

    def _measure_encoded(self, path: Path) -> tuple[Measurement, tuple[Peak, ...]]:
        """Return the measurement of an encoded file, and its peaks above the limit."""
        self._stages.next(0.3)
        with encoded_frames(path) as frames:
            heard = self._counted_samples(frames)
            measured = measure(heard, self._published_filters(), span_db=overshoot_db(self._bandwidth_hz))
        if measured.true_peak_db is None or measured.true_peak_db <= PEAK_LIMIT_DBTP:
            return measured, ()
        self._stages.next(0.2)
        with encoded_frames(path) as frames:
            return measured, find_peaks(self._counted_samples(frames), HIGH_PEAK_DBTP)

    def _published_filters(self) -> tuple[Filter, ...]:
        return _LEFT_ONLY if self._layout == "mono" else ()


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
