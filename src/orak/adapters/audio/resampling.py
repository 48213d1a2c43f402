"""Decoded frames become one continuous sound: 48 kHz, mono or stereo, gaps filled with silence."""

import math
from collections.abc import Iterator, Mapping

import av.error
import msgspec
from av.audio.frame import AudioFrame

from orak.adapters.audio.decoding import RATE, Layout
from orak.adapters.audio.downmix import Mix
from orak.adapters.audio.filtering import Chain, Filter
from orak.adapters.audio.samples import BLOCK, LARGEST_SAMPLE, SAMPLE_FORMAT
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

_LOUDEST_RMS = 1.0
"""0 dBFS. A louder source is scaled down: the meter of loudness ends at +10 LUFS."""

_SCALED_RMS = 0.125
"""-18 dBFS. Parts of a scaled source may be louder than all of it."""

_METER: Filter = (
    "astats",
    "metadata=1:measure_overall=none:measure_perchannel=DC_offset+RMS_level+Peak_level",
)

_METERED_SECONDS = 4
_METERED_SHARE = 4
"""The meter takes a tenth of a conversion. After the first seconds it takes one frame in so many, until it
finds something that needs a treatment: then it takes all."""

_SUSPICIOUS_SHARE = 0.5
"""A part of the sound whose DC offset or level is beyond this share of a limit calls for all of it."""

_SUSPICIOUS_SIDE_DB = _SILENT_SIDE_DB + 10.0


class Levels:
    """Measures DC offset and power of each channel, without the gaps."""

    def __init__(self, *, thorough: bool = False) -> None:
        """Measure all frames if *thorough*."""
        self._thorough = thorough
        self._chain: Chain | None = None
        self._frames = 0
        self._means: list[float] = []
        self._squares: list[float] = []
        self._peak = 0.0
        self._complete, self._suspicious = True, False

    def add(self, frame: AudioFrame) -> None:
        """Measure *frame* with those before, unless a part of the sound is enough."""
        self._frames += 1
        if not (self._thorough or self._suspicious) and self._is_left_out():
            self._complete = False
            return
        self._chain = self._chain or Chain.of(frame, (_METER,))
        for metered in self._chain.push(frame):
            self._read(metered.metadata)

    def _is_left_out(self) -> bool:
        return self._frames * BLOCK > _METERED_SECONDS * RATE and self._frames % _METERED_SHARE != 0

    def _read(self, metadata: Mapping[str, str]) -> None:
        """Read what the meter says of all frames so far."""
        self._means, self._squares, self._peak = [], [], 0.0
        while (key := f"lavfi.astats.{len(self._means) + 1}.") + "DC_offset" in metadata:
            self._means.append(float(metadata[key + "DC_offset"]))
            self._squares.append(10 ** (float(metadata[key + "RMS_level"]) / 10))
            self._peak = max(self._peak, 10 ** (float(metadata[key + "Peak_level"]) / 20))
        self._suspicious = self._needs_treatment()

    @property
    def offsets(self) -> tuple[float, ...]:
        """The DC offset of each channel, 1.0 being full scale."""
        return tuple(self._means)

    @property
    def powers(self) -> tuple[float, ...]:
        """The mean square of each channel after its DC offset is removed."""
        return tuple(
            max(0.0, square - dc * dc) for square, dc in zip(self._squares, self._means, strict=True)
        )

    @property
    def plausible(self) -> bool:
        """Whether every sample was a number of a size that sound can have."""
        return self._peak < LARGEST_SAMPLE and all(map(math.isfinite, self._squares))

    @property
    def conclusive(self) -> bool:
        """Whether all sound was measured, or a part that is far from needing a treatment."""
        return self._complete or not self._suspicious

    def _needs_treatment(self) -> bool:
        """Return whether the sound may need a treatment, by a part of it."""
        return (
            not self.plausible
            or bool(_offsets(self, _SUSPICIOUS_SHARE))
            or max(self.powers, default=0.0) > (_SUSPICIOUS_SHARE * _LOUDEST_RMS) ** 2
            or _only_side(self, _SUSPICIOUS_SIDE_DB) is not None
        )


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
        if not levels.plausible and not self.repairs:
            return msgspec.structs.replace(self, repairs=True)
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
            expression = f"if(lt(abs(val(ch)),{LARGEST_SAMPLE}),val(ch),0)"
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
        chain += [("aformat", f"sample_fmts={SAMPLE_FORMAT}"), ("asetnsamples", f"n={BLOCK}:p=0")]
        return tuple(chain)


def _offsets(levels: Levels, share: float = 1.0) -> tuple[float, ...]:
    """Return the DC offsets to remove, or an empty tuple if all are within *share* of the limit."""
    pairs = zip(levels.offsets, levels.powers, strict=True)
    if any(abs(dc) > max(_SMALLEST_OFFSET, share * _OFFSET_SHARE * math.sqrt(power)) for dc, power in pairs):
        return levels.offsets
    return ()


def _scale(levels: Levels) -> float:
    """Return by what to multiply the sound so that its loudness can be measured; 1 for sound up to 0 dBFS."""
    rms = math.sqrt(max(levels.powers, default=0.0))
    if rms <= _LOUDEST_RMS:
        return 1.0
    return 2.0 ** -math.ceil(math.log2(rms / _SCALED_RMS))


def _only_side(levels: Levels, silent_db: float = _SILENT_SIDE_DB) -> int | None:
    """Return the channel beside which the other one is silent; None if both have sound or neither."""
    powers = levels.powers
    if len(powers) < 2 or min(powers) >= max(powers) * 10 ** (silent_db / 10):
        return None
    return powers.index(max(powers))


def resample(
    frames: Iterator[Placed], treatment: Treatment, levels: Levels | None = None
) -> Iterator[AudioFrame]:
    """Yield *frames* as 48 kHz, 32-bit float, treated, with silence in the gaps.

    Sample rate and channel layout of the input may change between frames. *levels* measures the sound after
    the treatment. No frame is longer than `samples.BLOCK`.

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
        self._waiting = 0.0  # seconds
        plain = kind[2] in ("mono", "stereo")
        try:
            self._chain = Chain(*kind, treatment.filters(None if plain else mix, skipped))
        except av.error.MemoryError:
            raise
        except (av.error.FFmpegError, ValueError):
            raise Unconvertible(FailureCode.UNSUPPORTED_FORMAT) from None

    def push(self, frame: AudioFrame | None) -> Iterator[AudioFrame]:
        """Pass *frame* in, or None at the end, and yield the sound that comes out."""
        if frame is not None:
            frame.pts = None  # the clock has placed it
        for done in self._filtered(frame):
            done.pts = None
            if self._levels is not None:
                self._levels.add(done)
            yield done

    def _filtered(self, frame: AudioFrame | None) -> Iterator[AudioFrame]:
        try:
            if frame is not None:
                self._waiting += frame.samples / frame.sample_rate
                if self._waiting < BLOCK / RATE:  # too little for a frame to come out
                    self._chain.feed(frame)
                    return
                self._waiting = 0.0
            yield from self._chain.push(frame)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:
            raise Unconvertible(FailureCode.UNSUPPORTED_FORMAT) from None


def _silence(samples: int, layout: Layout) -> Iterator[AudioFrame]:
    """Yield *samples* of silence."""
    while samples > 0:
        frame = AudioFrame(SAMPLE_FORMAT, layout, min(samples, BLOCK))
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate = RATE
        samples -= frame.samples
        yield frame
