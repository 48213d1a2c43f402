"""One conversion from source to published file, streamed.

Memory does not grow with the duration.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from av.audio.frame import AudioFrame

from orak.adapters.audio.decoding import Decoder, Layout, open_decoder
from orak.adapters.audio.encoding import encode
from orak.adapters.audio.filtering import Filter, apply_filters
from orak.adapters.audio.gain import Gain
from orak.adapters.audio.loudness import Measurement, measure
from orak.adapters.audio.messages import Task
from orak.adapters.audio.peaks import Peaks
from orak.adapters.audio.resampling import Levels, Treatment, resample
from orak.adapters.audio.timeline import Placed
from orak.domain.audio import Conversion, Loudness

# Every recording is published in stereo. Mono goes to both channels at -3 dB each (equal power). By ITU-R
# BS.1770 its loudness stays the same, so mono and stereo recordings sound equally loud from one player; a
# mono file at the same LUFS would not. It stays one channel until it is encoded, at half the cost.
_EQUAL_POWER: tuple[Filter, ...] = (("volume", "0.70710678"),)
_TO_STEREO: Mapping[Layout, tuple[Filter, ...]] = {
    "mono": (("pan", "stereo|c0=c0|c1=c0"),),
    "stereo": (),
}
_LEFT_ONLY: tuple[Filter, ...] = (("pan", "mono|c0=c0"),)
_ENCODER_INPUT: Filter = ("aformat", "sample_fmts=fltp:sample_rates=48000:channel_layouts=stereo")

_MAX_ENCODINGS = 4
"""An encoder's peaks are unpredictable: after this many attempts the last result is published as it is."""


def convert(
    task: Task, source: Path, *, progress: Callable[[float], None], decoded: Callable[[float], None]
) -> Conversion:
    """Convert *source* in three passes: measure, encode, verify.

    The first two passes decode the source; the third decodes the result.

    *progress* receives a rising fraction from 0 to 1, *decoded* the seconds of the source decoded so far.

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

    def next(self, *, ends: float) -> None:
        self._from, self._to = self._to, max(self._to, ends)

    def __call__(self, fraction: float) -> None:
        self._progress(self._from + (self._to - self._from) * fraction)


class _Conversion:
    def __init__(self, task: Task, source: Path, stages: _Stages, decoded: Callable[[float], None]) -> None:
        self._task = task
        self._source = source
        self._stages = stages
        self._decoded = decoded
        self._treatment = Treatment("mono")

    @property
    def _layout(self) -> Layout:
        return self._treatment.layout

    def run(self) -> Conversion:
        self._stages.next(ends=0.2)
        measured, seconds = self._measure_source()
        gain = Gain.initial(measured)
        if gain.needs_trial:
            self._stages.next(ends=0.4)
            with self._source_frames() as frames:
                gain = gain.corrected(measure(frames, self._layout, self._source_filters(gain))) or gain
        peaks, published = self._encode_until_accepted(gain, measured)
        peaks.write(Path(self._task.waveform), seconds)
        for written in (self._task.audio, self._task.waveform):
            _fsync(Path(written))
        return Conversion(
            duration_seconds=seconds,
            loudness=Loudness(
                input_lufs=_rounded(measured.lufs),
                output_lufs=_rounded(published.lufs),
                true_peak_db=_rounded(published.true_peak_db),
            ),
        )

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
                treatment = self._treatment.improved(decoder.layout, levels)
            if treatment == self._treatment:
                return measured, round(decoder.seconds, 6)  # 3 s in many frames add up to 2.9999999
            self._treatment = treatment

    def _counted(self, decoder: Decoder) -> Iterator[Placed]:
        for placed in decoder.frames(self._stages):
            self._decoded(decoder.seconds)
            yield placed

    @contextmanager
    def _source_frames(self) -> Iterator[Iterator[AudioFrame]]:
        with open_decoder(self._source, self._task.max_duration_seconds) as decoder:
            yield resample(decoder.frames(self._stages), self._treatment)

    def _source_filters(self, gain: Gain | None = None) -> tuple[Filter, ...]:
        """Return the filters that the source's frames pass before measuring and encoding."""
        return (*(_EQUAL_POWER if self._layout == "mono" else ()), *(gain.filters() if gain else ()))

    def _encode_until_accepted(self, gain: Gain, measured: Measurement) -> tuple[Peaks, Measurement]:
        """Encode until the decoded result meets loudness and true peak.

        Stop when the attempts are used up.
        """
        for encoding in range(1, _MAX_ENCODINGS + 1):
            self._stages.next(ends=1 - 0.15 / 2 ** (encoding - 1))
            peaks = self._encode(gain, measured.samples)
            self._stages.next(ends=1 - 0.1 / 2 ** (encoding - 1))
            published = self._measure_published()
            better = gain.corrected(published)
            if better is None or encoding == _MAX_ENCODINGS:
                return peaks, published
            gain = better
        raise AssertionError

    def _encode(self, gain: Gain, samples: int) -> Peaks:
        task = self._task
        peaks = Peaks(samples)
        chain = (*self._source_filters(gain), *peaks.filters(), *_TO_STEREO[self._layout], _ENCODER_INPUT)
        with self._source_frames() as frames:
            filtered = peaks.collect(apply_filters(frames, self._layout, chain))
            encode(filtered, Path(task.audio), task.profile, task.title, from_mono=self._layout == "mono")
        return peaks

    def _measure_published(self) -> Measurement:
        # An encoder pads its last frame, so the result is slightly longer than the source. The maximum
        # duration was already checked on the source.
        with open_decoder(Path(self._task.audio), self._task.max_duration_seconds + 1) as decoder:
            frames = resample(decoder.frames(self._stages), Treatment("stereo"))
            return measure(frames, "stereo", _LEFT_ONLY if self._layout == "mono" else ())


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
