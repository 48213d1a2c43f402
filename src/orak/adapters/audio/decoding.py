"""Decoding of untrusted audio files into frames."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

import av
import av.error
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from orak.adapters.audio.signatures import has_audio_signature
from orak.application.ports.converter import Unconvertible
from orak.domain.processing import FailureCode

RATE = 48_000
"""Sample rate in Hz after `resample`: the rate that browsers record at and Opus decodes to."""

Layout = Literal["mono", "stereo"]

_DECODERS = frozenset(
    {
        *("aac", "aac_fixed", "alac", "flac", "mp3", "mp3float", "opus", "libopus", "vorbis", "libvorbis"),
        *("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw", "pcm_mulaw"),
    }
)
_OPTIONS = {
    # Without these, libav opens the files and URLs that a playlist or a concat script names.
    "format_whitelist": "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,ogg,wav,mp3,flac,aac",
    "protocol_whitelist": "file",
    # libav never decodes a picture, not even to probe its format.
    "codec_whitelist": ",".join(sorted(_DECODERS)),
}
# Tags are not always UTF-8 (some Korean players write CP949). PyAV before 19 refuses such a file unless
# `metadata_errors` is set; PyAV 19 accepts it.
_open = partial(
    av.open, mode="r", **({"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {})
)
_SAMPLE_RATES = range(4_000, 384_001)
"""Plausible sample rates in Hz. A WAV header may claim 1 Hz, which would turn one frame into an hour."""

_HEADER_TOLERANCE_SECONDS = 0.5


class Decoder:
    """One decoding pass over the best audio stream of an open file.

    Attributes:
        seconds: Audio decoded so far, counted as samples ÷ sample rate. The header is not trusted.
        layout: "mono" while the header and every decoded frame have one channel, else "stereo".
    """

    def __init__(self, container: InputContainer, stream: AudioStream, max_seconds: float) -> None:
        self._container = container
        self._stream = stream
        self._max_seconds = max_seconds
        self._damaged = False
        self._declared_seconds = _declared_seconds(container)
        self.seconds = 0.0
        self.layout: Layout = "mono" if stream.layout.nb_channels == 1 else "stereo"

    def frames(self, progress: Callable[[float], None]) -> Iterator[AudioFrame]:
        """Yield every frame that can be decoded.

        *progress* receives the fraction of the file read so far.

        Damaged packets are skipped. The stream ends where the container breaks off.

        Raises:
            Unconvertible: DURATION_EXCEEDED; EMPTY_AUDIO; CORRUPT if every packet is damaged, or if the
                stream is longer than an exact header declares.
        """
        size = max(self._container.size, 1)
        samples: dict[int, int] = {}
        for packet in self._packets():
            for frame in self._decode(packet):
                samples[frame.sample_rate] = samples.get(frame.sample_rate, 0) + frame.samples
                self.seconds = sum(count / rate for rate, count in samples.items())
                if self.seconds > self._max_seconds:
                    raise Unconvertible(FailureCode.DURATION_EXCEEDED)
                if self.seconds > self._declared_seconds + _HEADER_TOLERANCE_SECONDS:
                    raise Unconvertible(FailureCode.CORRUPT)
                if frame.layout.nb_channels > 1:
                    self.layout = "stereo"
                yield frame
            if packet.pos is not None and packet.pos > 0:
                progress(min(packet.pos / size, 1.0))
        if not samples:
            raise Unconvertible(FailureCode.CORRUPT if self._damaged else FailureCode.EMPTY_AUDIO)

    def _packets(self) -> Iterator["av.Packet[AudioStream]"]:
        try:
            yield from self._container.demux(self._stream)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:
            self._damaged = True

    def _decode(self, packet: "av.Packet[AudioStream]") -> list[AudioFrame]:
        try:
            frames = packet.decode()
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:
            self._damaged = True
            return []
        return [f for f in frames if f.samples > 0 and f.sample_rate in _SAMPLE_RATES]


def _declared_seconds(container: InputContainer) -> float:
    """Return the exact duration that the header declares, or else infinity.

    The sample count of a FLAC header is exact, or 0 for unknown (RFC 9639 §8.2). A FLAC file that continues
    past it is damaged or malicious. Other containers only estimate their duration, or omit it in a live
    recording.
    """
    if container.format.name != "flac" or not container.duration:
        return math.inf
    return container.duration / av.time_base


@contextmanager
def open_decoder(path: Path, max_seconds: float) -> Iterator[Decoder]:
    """Open the file at *path*. Its content decides the format; its name is ignored.

    Raises:
        Unconvertible: EMPTY_AUDIO for a file of 0 bytes; CORRUPT for a known container that cannot be read;
            UNSUPPORTED_FORMAT for any other unreadable file and for an unsupported codec; NO_AUDIO_STREAM.
    """
    if path.stat().st_size == 0:
        raise Unconvertible(FailureCode.EMPTY_AUDIO)
    try:
        container = _open(str(path), options=_OPTIONS)
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError:
        known = has_audio_signature(path)
        raise Unconvertible(FailureCode.CORRUPT if known else FailureCode.UNSUPPORTED_FORMAT) from None
    with container:
        stream = container.streams.best("audio")
        if not isinstance(stream, AudioStream):
            raise Unconvertible(FailureCode.NO_AUDIO_STREAM)
        if getattr(stream.codec_context, "name", None) not in _DECODERS:  # None: libav has no such decoder
            raise Unconvertible(FailureCode.UNSUPPORTED_FORMAT)
        stream.codec_context.thread_count = 1  # one conversion uses one core: slots are counted in cores
        yield Decoder(container, stream, max_seconds)


def resample(frames: Iterator[AudioFrame], layout: Layout) -> Iterator[AudioFrame]:
    """Convert *frames* to 48 kHz, *layout* and 32-bit float.

    The sample rate and the channel layout of the input may change between frames.
    """
    resampler: AudioResampler | None = None
    last: tuple[int, str, str] | None = None
    for frame in frames:
        kind = (frame.sample_rate, frame.format.name, frame.layout.name)
        if resampler is None or kind != last:
            if resampler is not None:
                yield from resampler.resample(None)
            resampler = AudioResampler("fltp", layout, RATE)
            last = kind
        frame.pts = None  # positions come from counting samples: a gap in the timestamps adds no audio
        yield from resampler.resample(frame)
    if resampler is not None:
        yield from resampler.resample(None)
