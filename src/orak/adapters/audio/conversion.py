"""One conversion from source to published file, streamed.

Memory does not grow with the duration.
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from av.audio.frame import AudioFrame

from orak.adapters.audio.decoding import Decoder, Layout, open_decoder
from orak.adapters.audio.dips import Peak, apply_dips, find_peaks
from orak.adapters.audio.encoding import bandwidth_hz, encode
from orak.adapters.audio.filtering import Filter, apply_filters
from orak.adapters.audio.gain import Setting
from orak.adapters.audio.limits import weight
from orak.adapters.audio.loudness import Measurement, measure
from orak.adapters.audio.messages import Task
from orak.adapters.audio.peaks import Peaks
from orak.adapters.audio.resampling import Levels, Treatment, resample
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
_LEFT_ONLY: tuple[Filter, ...] = (("pan", "mono|c0=c0"),)
_PLANAR: Filter = ("aformat", "sample_fmts=fltp")
_ENCODER_INPUT: Filter = ("aformat", "sample_fmts=fltp:sample_rates=48000:channel_layouts=stereo")


def convert(
    task: Task, source: Path, *, progress: Callable[[float], None], decoded: Callable[[float], None]
) -> Conversion:
    """Convert *source* in three passes: measure, encode, verify.

    The first two passes decode the source; the third decodes the result. Where peaks are in the way, more
    passes follow: see `search`.

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

    @property
    def _layout(self) -> Layout:
        return self._treatment.layout

    def run(self) -> Conversion:
        self._stages.next(0.2)
        measured, seconds = self._measure_source()
        search, peaks = self._search(measured)
        published = search.best.result
        peaks.write(Path(self._task.waveform), seconds)
        for written in (self._task.audio, self._task.waveform):
            _fsync(Path(written))
        return Conversion(
            duration_seconds=seconds,
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

    def _measure_source(self) -> tuple[Measurement, float]:
        """Measure the source and its duration, and choose its treatment.

        Each treatment but the first repeats the measurement.
        """
        while True:
            with open_decoder(self._source, self._task.max_duration_seconds) as decoder:
                if self._treatment == Treatment("mono"):
                    self._treatment = Treatment(decoder.layout)
                levels = Levels()
                frames = resample(self._counted(decoder), self._treatment, levels)
                measured = measure(frames, self._layout, self._source_filters())
                if measured.samples == 0:  # too few samples to resample
                    raise Unconvertible(FailureCode.EMPTY_AUDIO)
                treatment = self._treatment.improved(decoder.layout, levels)
            if treatment == self._treatment:
                return measured, round(decoder.seconds, 6)  # 3 s in many frames add up to 2.9999999
            self._treatment = treatment

    def _counted(self, decoder: Decoder) -> Iterator[Placed]:
        """Yield the frames of one pass, and count its work."""
        before = 0.0
        for placed in decoder.frames(self._stages):
            frame = placed.decoded.frame
            self._work += (decoder.seconds - before) * weight(frame.layout.nb_channels, frame.sample_rate)
            before = decoder.seconds
            self._decoded(self._work)
            yield placed

    @contextmanager
    def _source_frames(self) -> Iterator[Iterator[AudioFrame]]:
        with open_decoder(self._source, self._task.max_duration_seconds) as decoder:
            yield resample(self._counted(decoder), self._treatment)

    def _source_filters(self, setting: tuple[Filter, ...] = ()) -> tuple[Filter, ...]:
        """Return the filters that the source's frames pass before measuring and encoding."""
        return (*(_EQUAL_POWER if self._layout == "mono" else ()), *setting)

    def _search(self, measured: Measurement) -> tuple[LoudnessSearch, Peaks]:
        """Encode until the published file keeps both promises, or nothing better is to be expected.

        The best encoding is then at the task's path. Return its peaks as well.
        """
        search = LoudnessSearch(measured)
        best, spare = Path(self._task.audio), Path(self._task.spare)
        peaks = Peaks(0)
        bandwidth = bandwidth_hz(self._task.profile)
        while step := search.next:
            filters = self._source_filters(step.setting.filters(measured, bandwidth))
            if step.action == "rehearse":
                self._stages.next(0.25)
                with self._source_frames() as frames:
                    search = search.after(step, measure(frames, self._layout, filters))
                continue
            path = spare if search.encodings else best
            found = self._encode(filters, step.setting, measured.samples, path)
            search = search.after(step, *self._measure_encoded(path))
            if search.best is search.tries[-1]:
                path.replace(best)
                peaks = found
        spare.unlink(missing_ok=True)
        return search, peaks

    def _encode(self, filters: tuple[Filter, ...], setting: Setting, samples: int, path: Path) -> Peaks:
        task = self._task
        self._stages.next(0.8)
        peaks = Peaks(samples)
        chain = (*peaks.filters(), *_TO_STEREO[self._layout], _ENCODER_INPUT)
        with self._source_frames() as source:
            if setting.dips:
                whole = apply_filters(source, self._layout, (*filters, _PLANAR))
                frames = apply_dips(whole, setting.dips)
            else:
                frames, chain = source, (*filters, *chain)
            filtered = peaks.collect(apply_filters(frames, self._layout, chain))
            is_mono = self._layout == "mono"
            encode(filtered, path, task.profile, task.title, is_mono=is_mono, steady=setting.steady)
        return peaks

    def _measure_encoded(self, path: Path) -> tuple[Measurement, tuple[Peak, ...]]:
        """Return the measurement of an encoded file, and its peaks above the limit."""
        self._stages.next(0.3)
        with self._encoded_frames(path) as frames:
            measured = measure(frames, "stereo", _LEFT_ONLY if self._layout == "mono" else ())
        if measured.true_peak_db is None or measured.true_peak_db <= PEAK_LIMIT_DBTP:
            return measured, ()
        self._stages.next(0.2)
        with self._encoded_frames(path) as frames:
            return measured, find_peaks(frames, "stereo", HIGH_PEAK_DBTP)

    @contextmanager
    def _encoded_frames(self, path: Path) -> Iterator[Iterator[AudioFrame]]:
        # An encoder pads its last frame, so the result is slightly longer than the source. The maximum
        # duration was already checked on the source. Players and meters hear the padding, so it counts.
        with open_decoder(path, self._task.max_duration_seconds + 1, padded=True) as decoder:
            yield resample(self._counted(decoder), Treatment("stereo"))


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
