"""Decoding of untrusted audio files into frames."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import av
import av.error
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from orak.adapters.audio.downmix import MAX_CHANNELS, Mix, mix_for
from orak.adapters.audio.joined import Recording, recordings_in
from orak.adapters.audio.opening import Track, open_track
from orak.adapters.audio.timeline import Clock, Decoded, Placed, Timeline
from orak.application.ports.converter import Unconvertible
from orak.domain.processing import FailureCode

RATE = 48_000
"""Sample rate in Hz after `resample`: the rate that browsers record at and Opus decodes to."""

Layout = Literal["mono", "stereo"]

_SAMPLE_RATES = range(4_000, 384_001)
"""Plausible sample rates in Hz. A WAV header may claim 1 Hz, which would turn one frame into an hour."""

_HEADER_TOLERANCE_SECONDS = 0.5

_ROUNDING_SECONDS = 0.002
"""Matroska rounds durations to 1 ms."""

_MATROSKA = "matroska,webm"
_MATROSKA_HEAD_BYTES = 4096
_MATROSKA_DURATIONS = (b"\x44\x89\x84", b"\x44\x89\x88")
"""The element Duration, a float of 4 or 8 bytes (RFC 9559 §5.1.2.10)."""

_ABSOLUTE_CLOCKS = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", _MATROSKA})
"""Containers whose timestamps count from the beginning of the recording, so that sound may start later."""

_RELATIVE_CLOCKS = frozenset({"ogg"})
"""A first timestamp above 0 means that the beginning was cut off (RFC 7845 §4.5). Other containers have no
timestamps: libav counts their samples."""


class Decoder:
    """One decoding pass over the best audio track of a file, or of each recording that was joined into it.

    Attributes:
        layout: "mono" while the header and every decoded frame mix down to one channel, else "stereo".
    """

    def __init__(self, track: Track, more: Sequence[Recording], max_seconds: float, *, padded: bool) -> None:
        """Begin with *track*, which is open; *more* recordings follow."""
        self._track = track
        self._more = more
        self._max_seconds = max_seconds
        self._padded = padded
        self._damaged = False
        self._unsupported = False
        self._timeline = Timeline(max_seconds)
        self.layout: Layout = "stereo" if track.places and mix_for(track.places).stereo else "mono"

    @property
    def seconds(self) -> float:
        """The duration so far: samples decoded and gaps between them. The header is not trusted."""
        return self._timeline.seconds

    def frames(self, progress: Callable[[float], None]) -> Iterator[Placed]:
        """Yield every frame that can be decoded, with its place on the timeline.

        *progress* receives the fraction of the file read so far.

        Damaged packets are skipped, and joined recordings that cannot be read. The stream ends where the
        container breaks off.

        Raises:
            Unconvertible: DURATION_EXCEEDED; EMPTY_AUDIO; CORRUPT if every packet is damaged, or if the
                stream is longer than an exact header declares; UNSUPPORTED_FORMAT if libav does not
                know the variant of the codec, if no frame has a plausible sample rate, or if one has too
                many channels.
        """
        empty = True
        for placed in self._timeline.place(self._decoded(progress)):
            if self.seconds > self._max_seconds:
                raise Unconvertible(FailureCode.DURATION_EXCEEDED)
            if placed.decoded.mix.stereo:
                self.layout = "stereo"
            empty = False
            yield placed
        if empty:
            raise Unconvertible(self._cause_of_silence())

    def _decoded(self, progress: Callable[[float], None]) -> Iterator[Decoded]:
        yield from self._decoded_track(self._track, progress)
        for recording in self._more:
            with ExitStack() as stack:
                try:
                    track = stack.enter_context(open_track(recording))
                except Unconvertible:
                    continue
                yield from self._decoded_track(track, progress)

    def _decoded_track(self, track: Track, progress: Callable[[float], None]) -> Iterator[Decoded]:
        clock = _clock(track)
        longest = _flac_seconds(track.container) + _HEADER_TOLERANCE_SECONDS
        size = max(track.recording.path.stat().st_size, 1)
        mixes: dict[str, Mix] = {}
        samples = 0
        last: Decoded | None = None
        for packet in self._packets(track):
            for frame in self._decode(packet):
                samples += frame.samples
                if samples / frame.sample_rate > longest:
                    raise Unconvertible(FailureCode.CORRUPT)
                name = frame.layout.name
                if name not in mixes:
                    mixes[name] = _mix(frame, track.places)
                if last is not None:
                    yield last
                last = Decoded(frame, mixes[name], clock)
            if packet.pos is not None and packet.pos > 0:
                progress(min((track.recording.start + packet.pos) / size, 1.0))
        if last is not None:
            is_cut = clock.stamped and not self._padded
            yield last._replace(frame=_without_padding(last.frame)) if is_cut else last

    def _packets(self, track: Track) -> Iterator["av.Packet[AudioStream]"]:
        try:
            yield from track.container.demux(track.stream)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:
            self._damaged = True

    def _decode(self, packet: "av.Packet[AudioStream]") -> list[AudioFrame]:
        try:
            frames = packet.decode()
        except av.error.MemoryError:
            raise
        # libav knows the codec but not this variant, such as TwinVQ in AAC: the file is not damaged.
        except (av.error.NotImplementedError, av.error.PatchWelcomeError):
            self._unsupported = True
            return []
        except (av.error.FFmpegError, ValueError):  # ValueError: PyAV 19 after a decoder refused to open
            self._damaged = True
            return []
        plausible = [f for f in frames if f.samples > 0 and f.sample_rate in _SAMPLE_RATES]
        self._unsupported |= len(plausible) < len(frames)
        return plausible

    def _cause_of_silence(self) -> FailureCode:
        if self._unsupported:
            return FailureCode.UNSUPPORTED_FORMAT
        return FailureCode.CORRUPT if self._damaged else FailureCode.EMPTY_AUDIO


def _mix(frame: AudioFrame, declared: Sequence[str]) -> Mix:
    """Return how the channels of *frame* become one or two.

    Raises:
        Unconvertible: UNSUPPORTED_FORMAT for more channels than can be mixed.
    """
    places = tuple(channel.name for channel in frame.layout.channels)
    if len(places) > MAX_CHANNELS:
        raise Unconvertible(FailureCode.UNSUPPORTED_FORMAT)
    unplaced = len(declared) == len(places) and set(places) == {"NONE"}
    return mix_for(declared if unplaced else places)


def _without_padding(frame: AudioFrame) -> AudioFrame:
    """Return the last *frame* of a recording, cut where the container says that it ends.

    An AAC encoder fills its last frame, at 8 kHz with up to 128 ms.
    """
    if not frame.duration or frame.time_base is None:
        return frame
    kept = max(1, round(frame.duration * frame.time_base * frame.sample_rate))
    if frame.samples - kept <= _ROUNDING_SECONDS * frame.sample_rate:
        return frame
    cut = AudioFrame(frame.format.name, frame.layout.name, kept)
    cut.sample_rate, cut.pts, cut.time_base = frame.sample_rate, frame.pts, frame.time_base
    for target, source in zip(cut.planes, frame.planes, strict=True):
        target.update(bytes(source)[: target.buffer_size])
    return cut


def _clock(track: Track) -> Clock:
    name = track.container.format.name
    if name in _ABSOLUTE_CLOCKS:
        return Clock(stamped=True, starts_at_zero=True, declared_end=_declared_end(track))
    return Clock(stamped=name in _RELATIVE_CLOCKS, starts_at_zero=False)


def _flac_seconds(container: InputContainer) -> float:
    """Return the exact duration that a FLAC header declares, or else infinity.

    The sample count of a FLAC header is exact, or 0 for unknown (RFC 9639 §8.2). A FLAC file that continues
    past it is damaged or malicious.
    """
    if container.format.name != "flac" or not container.duration:
        return math.inf
    return container.duration / av.time_base


def _declared_end(track: Track) -> float:
    """Return the last timestamp by the header, in seconds; infinity in a live recording."""
    container = track.container
    if not container.duration or (container.format.name == _MATROSKA and not _declares_duration(track)):
        return math.inf
    return (container.duration + max(container.start_time or 0, 0)) / av.time_base + _HEADER_TOLERANCE_SECONDS


def _declares_duration(track: Track) -> bool:
    """Return whether the header of a Matroska recording has a duration. Without, libav guesses one."""
    with track.recording.path.open("rb") as file:
        file.seek(track.recording.start)
        head = file.read(_MATROSKA_HEAD_BYTES)
    return any(element in head for element in _MATROSKA_DURATIONS)


@contextmanager
def open_decoder(path: Path, max_seconds: float, *, padded: bool = False) -> Iterator[Decoder]:
    """Open the file at *path* for one decoding pass.

    With *padded*, the last frame keeps what the encoder added to fill it, as most decoders do.

    Raises:
        Unconvertible: EMPTY_AUDIO for a file of 0 bytes; CORRUPT for a known container that cannot be read;
            UNSUPPORTED_FORMAT for any other unreadable file, and if no track has a supported codec and
            number of channels; NO_AUDIO_STREAM.
    """
    if path.stat().st_size == 0:
        raise Unconvertible(FailureCode.EMPTY_AUDIO)
    first, *more = recordings_in(path)
    with open_track(first) as track:
        yield Decoder(track, more, max_seconds, padded=padded)
