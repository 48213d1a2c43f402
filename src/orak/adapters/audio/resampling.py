"""Decoded frames become one continuous sound: 48 kHz, mono or stereo, gaps filled with silence."""

import math
from collections.abc import Iterator, Mapping

import av.error
import msgspec
from av.audio.frame import AudioFrame

from orak.adapters.audio.decoding import RATE, Layout
from orak.adapters.audio.downmix import Mix
from orak.adapters.audio.filtering import Chain, Filter
from orak.adapters.audio.timeline import Placed
from orak.application.ports.converter import Unconvertible
from orak.domain.processing import FailureCode

_SILENT_SIDE_DB = -50.0
"""A side this far below the other holds no performer. Codecs leave an unused side below -64 dB of the other
one, the noise of an open input is about 60 dB below a voice, and no two microphones separate so well."""

_OFFSET_SHARE = 0.05
"""A DC offset above this share of the sound's RMS is removed: smaller ones cost less than 0.15 dB of
headroom, because peaks are at least 3 dB above the RMS, and of a voice 12 dB."""

_SMALLEST_OFFSET = 1e-4
"""-80 dBFS. The meter has six decimals."""

_LARGEST_SAMPLE = 2.0**32
"""A float sample beyond it, or one that is no number, is no sound: it becomes 0. Some programs write floats
on the scale of 16, 24 or 32-bit integers."""

_LOUDEST_RMS = 1.0
"""0 dBFS. A louder source is scaled down: the meter of loudness ends at +10 LUFS."""

_SCALED_RMS = 0.125
"""-18 dBFS. Parts of a scaled source may be louder than all of it."""

_METER: tuple[Filter, ...] = (
    ("asetnsamples", f"n={RATE // 10}:p=0"),  # three times faster than metering each frame
    ("astats", "metadata=1:measure_overall=none:measure_perchannel=DC_offset+RMS_level"),
)


class Levels:
    """Measures DC offset and power of each channel, without the gaps."""

    def __init__(self) -> None:
        self._samples = 0
        self._sums: dict[int, float] = {}
        self._squares: dict[int, float] = {}

    def add(self, samples: int, metadata: Mapping[str, str]) -> None:
        """Add a stretch of *samples*, by what the meter says at its end."""
        self._samples += samples
        channel = 0
        while (key := f"lavfi.astats.{channel + 1}.") + "DC_offset" in metadata:
            offset, level = float(metadata[key + "DC_offset"]), float(metadata[key + "RMS_level"])
            self._sums[channel] = self._sums.get(channel, 0.0) + samples * offset
            self._squares[channel] = self._squares.get(channel, 0.0) + samples * 10 ** (level / 10)
            channel += 1

    @property
    def offsets(self) -> tuple[float, ...]:
        """The DC offset of each channel, 1.0 being full scale."""
        return tuple(total / self._samples for total in self._sums.values())

    @property
    def powers(self) -> tuple[float, ...]:
        """The mean square of each channel after its DC offset is removed."""
        squares = (total / self._samples for total in self._squares.values())
        return tuple(max(0.0, square - dc * dc) for square, dc in zip(squares, self.offsets, strict=True))

    @property
    def plausible(self) -> bool:
        """Whether every sample was a number of a size that sound can have."""
        limit = _LARGEST_SAMPLE**2
        return all(math.isfinite(total) and total < limit * self._samples for total in self._squares.values())


class Treatment(msgspec.Struct, frozen=True):
    """What is done to a source before its loudness is measured."""

    channels: Layout
    """What its channels are mixed to first."""

    repairs: bool = False
    """Whether samples that are no sound become 0."""

    offsets: tuple[float, ...] = ()
    """The DC offset to remove from each channel; empty for none."""

    scale: float = 1.0
    """By what samples are multiplied after that: a power of two."""

    side: int | None = None
    """The only channel with sound, which becomes mono; None if there is another."""

    @property
    def layout(self) -> Layout:
        """The layout of the resulting sound."""
        return "mono" if self.side is not None else self.channels

    def improved(self, layout: Layout, levels: Levels) -> "Treatment":
        """Return the treatment for a source with this layout and these levels.

        It is the same one if the source needs no other. One source needs at most four improvements.
        """
        if layout == "stereo" and self.channels == "mono":
            return Treatment("stereo", repairs=self.repairs)
        if not levels.plausible:
            return self if self.repairs else msgspec.structs.replace(self, repairs=True)
        if self.side is not None:
            return self
        side = _only_side(levels)
        if self.offsets or self.scale != 1.0:  # the offset hid what a side holds: look again without it
            return msgspec.structs.replace(self, side=side)
        return msgspec.structs.replace(self, offsets=_offsets(levels), scale=_scale(levels), side=side)

    def filters(self, mix: Mix | None, skipped: float) -> tuple[Filter, ...]:
        """Return the filters for frames with this mix; None for plain mono or stereo."""
        chain: list[Filter] = []
        if skipped:
            chain.append(("atrim", f"start={skipped:.6f}"))
        chain.append(("aformat", "sample_fmts=fltp"))  # integers would clip when channels are summed
        if self.repairs:
            expression = f"if(lt(abs(val(ch)),{_LARGEST_SAMPLE}),val(ch),0)"
            chain.append(("aeval", f"{expression}:c=same"))
        if mix is not None and mix.pan is not None:
            chain.append(("pan", mix.pan))
        chain += [("aresample", str(RATE)), ("aformat", f"sample_fmts=fltp:channel_layouts={self.channels}")]
        if self.offsets:
            values = "|".join(f"val({channel})-({dc:.6f})" for channel, dc in enumerate(self.offsets))
            chain += [("aeval", f"{values}:c=same"), ("aformat", "sample_fmts=fltp")]
        if self.scale != 1.0:
            chain.append(("volume", f"{self.scale!r}:precision=float"))
        if self.side is not None:
            chain.append(("pan", f"mono|c0=c{self.side}"))
        return tuple(chain)


def _offsets(levels: Levels) -> tuple[float, ...]:
    """Return the DC offsets to remove, or an empty tuple if all are small."""
    pairs = zip(levels.offsets, levels.powers, strict=True)
    if any(abs(dc) > max(_SMALLEST_OFFSET, _OFFSET_SHARE * math.sqrt(power)) for dc, power in pairs):
        return levels.offsets
    return ()


def _scale(levels: Levels) -> float:
    """Return by what to multiply the sound so that its loudness can be measured; 1 for sound up to 0 dBFS."""
    rms = math.sqrt(max(levels.powers, default=0.0))
    if rms <= _LOUDEST_RMS:
        return 1.0
    return 2.0 ** -math.ceil(math.log2(rms / _SCALED_RMS))


def _only_side(levels: Levels) -> int | None:
    """Return the channel beside which the other one is silent; None if both have sound or neither."""
    powers = levels.powers
    if len(powers) < 2 or min(powers) >= max(powers) * 10 ** (_SILENT_SIDE_DB / 10):
        return None
    return powers.index(max(powers))


def resample(
    frames: Iterator[Placed], treatment: Treatment, levels: Levels | None = None
) -> Iterator[AudioFrame]:
    """Yield *frames* as 48 kHz, 32-bit float, treated, with silence in the gaps.

    Sample rate and channel layout of the input may change between frames. *levels* receives what is
    measured after the treatment.

    Raises:
        Unconvertible: UNSUPPORTED_FORMAT if the frames cannot be mixed down.
    """
    stretch: _Stretch | None = None
    position = 0
    for placed in frames:
        frame = placed.decoded.frame
        kind = (frame.sample_rate, frame.format.name, frame.layout.name)
        if stretch is None or kind != stretch.kind or not placed.follows:
            if stretch is not None:
                for done in stretch.push(None):
                    position += done.samples
                    yield done
            for silence in _silence(round(placed.start * RATE) - position, treatment.layout):
                position += silence.samples
                yield silence
            stretch = _Stretch(kind, treatment, placed.decoded.mix, placed.skipped, levels)
        for done in stretch.push(frame):
            position += done.samples
            yield done
    if stretch is not None:
        yield from stretch.push(None)


class _Stretch:
    """Consecutive frames of one kind."""

    def __init__(
        self,
        kind: tuple[int, str, str],
        treatment: Treatment,
        mix: Mix,
        skipped: float,
        levels: Levels | None,
    ) -> None:
        self.kind = kind
        self._levels = levels
        self._samples = 0
        self._last: AudioFrame | None = None
        plain = kind[2] in ("mono", "stereo")
        filters = treatment.filters(None if plain else mix, skipped)
        try:
            self._chain = Chain(*kind, (*filters, *(_METER if levels else ())))
        except av.error.MemoryError:
            raise
        except (av.error.FFmpegError, ValueError):
            raise Unconvertible(FailureCode.UNSUPPORTED_FORMAT) from None

    def push(self, frame: AudioFrame | None) -> Iterator[AudioFrame]:
        """Pass *frame* in, or None at the end, and yield the sound that comes out."""
        if frame is not None:
            frame.pts = None  # the clock has placed it
        for done in self._filtered(frame):
            self._samples += done.samples
            self._last = done
            done.pts = None
            yield done
        if frame is None and self._last is not None and self._levels is not None:
            self._levels.add(self._samples, self._last.metadata)

    def _filtered(self, frame: AudioFrame | None) -> Iterator[AudioFrame]:
        try:
            yield from self._chain.push(frame)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:
            raise Unconvertible(FailureCode.UNSUPPORTED_FORMAT) from None


def _silence(samples: int, layout: Layout) -> Iterator[AudioFrame]:
    """Yield *samples* of silence in frames of at most one second."""
    while samples > 0:
        frame = AudioFrame("fltp", layout, min(samples, RATE))
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate = RATE
        samples -= frame.samples
        yield frame
