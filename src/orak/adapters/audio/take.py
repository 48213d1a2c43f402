"""One conversion from start to end. It streams: nothing here grows with the length of a take."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from av.audio.frame import AudioFrame

from orak.adapters.audio.decoding import Decoder, Layout, at_48_khz, opened
from orak.adapters.audio.encoding import encode
from orak.adapters.audio.filtering import Filter, filtered
from orak.adapters.audio.gain import Gain
from orak.adapters.audio.loudness import Measured, measured
from orak.adapters.audio.messages import Task
from orak.adapters.audio.peaks import Peaks
from orak.domain.audio import Conversion, Loudness

# Every take is published in stereo. Mono goes to both channels at -3 dB each (equal power): by ITU-R BS.1770
# it stays as loud as it was, and takes of one and of two channels sound equally loud from the same player,
# which a mono file at the same LUFS would not. Until it is encoded it stays one channel, at half the cost.
_EQUAL_POWER: tuple[Filter, ...] = (("volume", "0.70710678"),)
_IN_BOTH_CHANNELS: Mapping[Layout, tuple[Filter, ...]] = {
    "mono": (("pan", "stereo|c0=c0|c1=c0"),),
    "stereo": (),
}
_ONE_OF_TWO: tuple[Filter, ...] = (("pan", "mono|c0=c0"),)
_FOR_THE_ENCODER: Filter = ("aformat", "sample_fmts=fltp:sample_rates=48000:channel_layouts=stereo")

_ENCODINGS = 4
"""An encoder's peaks cannot be foreseen: after so many tries the last result is taken as it is."""


def convert(
    task: Task, source: Path, *, progress: Callable[[float], None], decoded: Callable[[float], None]
) -> Conversion:
    """Decode *source* to measure it, decode it again to encode it, decode the result to be sure of it.

    *progress* rises from 0 to 1; *decoded* is told how many seconds of the source were decoded.

    Raises:
        Unconvertible: the file cannot become a take.
        MemoryError, OSError: there was no room for it.
    """
    conversion = _Conversion(task, source, _Stages(progress), decoded)
    return conversion.run()


class _Stages:
    """Turns the progress of each stage into that of the whole."""

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
        self._layout: Layout = "stereo"

    def run(self) -> Conversion:
        self._stages.next(ends=0.2)
        heard, seconds = self._heard()
        gain = Gain.first(heard)
        if gain.should_be_tried:
            self._stages.next(ends=0.4)
            with self._source_at_48_khz() as frames:
                gain = gain.corrected(measured(frames, self._layout, self._treatment(gain))) or gain
        peaks, result = self._encoded(gain, heard)
        peaks.write(Path(self._task.waveform), seconds)
        for written in (self._task.audio, self._task.waveform):
            _to_disk(Path(written))
        return Conversion(
            duration_seconds=seconds,
            loudness=Loudness(
                input_lufs=_rounded(heard.lufs),
                output_lufs=_rounded(result.lufs),
                true_peak_db=_rounded(result.true_peak_db),
            ),
        )

    def _heard(self) -> tuple[Measured, float]:
        """Measure the source and its seconds; settle whether it is worked on in mono or in stereo."""
        found: Layout = "mono"
        while True:
            with opened(self._source, self._task.max_duration_seconds) as decoder:
                self._layout = decoder.layout if found == "mono" else "stereo"
                frames = at_48_khz(self._counted(decoder), self._layout)
                heard = measured(frames, self._layout, self._treatment())
                found = decoder.layout
                if self._layout in (found, "stereo"):
                    return heard, decoder.seconds
            # One channel became two on the way: again, in stereo.

    def _counted(self, decoder: Decoder) -> Iterator[AudioFrame]:
        for frame in decoder.frames(self._stages):
            self._decoded(decoder.seconds)
            yield frame

    @contextmanager
    def _source_at_48_khz(self) -> Iterator[Iterator[AudioFrame]]:
        with opened(self._source, self._task.max_duration_seconds) as decoder:
            yield at_48_khz(decoder.frames(self._stages), self._layout)

    def _treatment(self, gain: Gain | None = None) -> tuple[Filter, ...]:
        """What is done to the source's frames before anything listens to them."""
        return (*(_EQUAL_POWER if self._layout == "mono" else ()), *(gain.filters() if gain else ()))

    def _encoded(self, gain: Gain, heard: Measured) -> tuple[Peaks, Measured]:
        """Encode until the file, decoded again, keeps what was promised."""
        for encoding in range(1, _ENCODINGS + 1):
            self._stages.next(ends=1 - 0.15 / 2 ** (encoding - 1))
            peaks = self._encode(gain, heard.samples)
            self._stages.next(ends=1 - 0.1 / 2 ** (encoding - 1))
            result = self._published()
            better = gain.corrected(result)
            if better is None or encoding == _ENCODINGS:
                return peaks, result
            gain = better
        raise AssertionError

    def _encode(self, gain: Gain, samples: int) -> Peaks:
        task = self._task
        peaks = Peaks(samples)
        chain = (*self._treatment(gain), *peaks.filters(), *_IN_BOTH_CHANNELS[self._layout], _FOR_THE_ENCODER)
        with self._source_at_48_khz() as frames:
            treated = peaks.watch(filtered(frames, self._layout, chain))
            encode(treated, Path(task.audio), task.profile, task.title, from_mono=self._layout == "mono")
        return peaks

    def _published(self) -> Measured:
        # Encoders fill their last frame up, so a little more comes out than went in; the limit on a take's
        # length was kept where the source was read.
        with opened(Path(self._task.audio), self._task.max_duration_seconds + 1) as decoder:
            frames = at_48_khz(decoder.frames(self._stages), "stereo")
            return measured(frames, "stereo", _ONE_OF_TWO if self._layout == "mono" else ())


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
