"""Opening of untrusted files: which containers, codecs and tracks are read."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from orak.adapters.audio.downmix import MAX_CHANNELS, claim_layout
from orak.adapters.audio.joined import Recording
from orak.adapters.audio.signatures import has_audio_signature, has_foreign_byte_order
from orak.application.ports.converter import Unconvertible
from orak.domain.processing import FailureCode

_DECODERS = frozenset(
    {
        *(
            "aac",
            "aac_fixed",
            "aac_latm",
            "alac",
            "flac",
            "mp1",
            "mp1float",
            "mp2",
            "mp2float",
            "mp3",
            "mp3float",
        ),
        *(
            "opus",
            "libopus",
            "vorbis",
            "libvorbis",
            "amrnb",
            "amrwb",
            "libopencore_amrnb",
            "libopencore_amrwb",
        ),
        *("pcm_u8", "pcm_s8", "pcm_alaw", "pcm_mulaw", "adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt"),
        *(f"pcm_{sample}{order}" for sample in ("s16", "s24", "s32", "f32", "f64") for order in ("le", "be")),
    }
)
_CONTAINERS = "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,ogg,wav,w64,aiff,caf,mp3,flac,aac,loas,amr"
_OPTIONS = {
    # Without these, libav opens the files and URLs that a playlist or a concat script names.
    "format_whitelist": _CONTAINERS,
    "protocol_whitelist": "file",
    # libav never decodes a picture, not even to probe its format.
    "codec_whitelist": ",".join(sorted(_DECODERS)),
}
# Tags are not always UTF-8 (some Korean players write CP949). PyAV before 19 refuses such a file unless
# `metadata_errors` is set; PyAV 19 accepts it.
_open = partial(
    av.open, mode="r", **({"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {})
)
_TRIED_PACKETS = 64
"""How many packets of a track may fail before the next track is tried."""


class Track:
    """An audio track that libav can decode.

    Attributes:
        places: The places of its channels by the header, in libav's names; empty if only the decoder knows.
    """

    def __init__(self, recording: Recording, container: InputContainer, stream: AudioStream) -> None:
        self.recording = recording
        self.container = container
        self.stream = stream
        stream.codec_context.thread_count = 1  # one conversion uses one core: slots are counted in cores
        self.places = claim_layout(stream.codec_context)

    def decodes(self) -> bool:
        """Return whether its first packets give any sound. This uses them up."""
        try:
            for packet in islice(self.container.demux(self.stream), _TRIED_PACKETS):
                with suppress(ValueError, av.error.PatchWelcomeError):  # InvalidDataError is a ValueError
                    if packet.decode():
                        return True
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:
            pass
        return False


@contextmanager
def open_track(recording: Recording) -> Iterator[Track]:
    """Open the best audio track of *recording* that can be decoded.

    The content decides the format; the file's name is ignored.

    Raises:
        Unconvertible: CORRUPT for a known container that cannot be read; UNSUPPORTED_FORMAT for any other
            unreadable file, and if no track has a supported codec and number of channels; NO_AUDIO_STREAM.
    """
    with _open_container(recording) as container:
        tracks = _ranked_tracks(recording, container)
        yield tracks[_first_that_decodes(recording, len(tracks)) if len(tracks) > 1 else 0]


def _first_that_decodes(recording: Recording, count: int) -> int:
    """Return the rank of the best of *count* tracks whose first packets can be decoded; 0 if none."""
    for rank in range(count):
        with _open_container(recording) as container:  # anew: the pass must begin with the first packet
            if _ranked_tracks(recording, container)[rank].decodes():
                return rank
    return 0


def _open_container(recording: Recording) -> InputContainer:
    if has_foreign_byte_order(recording.path, recording.start):  # libav would read it as noise
        raise Unconvertible(FailureCode.UNSUPPORTED_FORMAT)
    url, options = str(recording.path), _OPTIONS
    if not recording.is_whole_file:
        url = f"subfile,,start,{recording.start},end,{recording.end},,:{url}"
        options = {**options, "protocol_whitelist": "file,subfile"}
    try:
        return _open(url, options=options)
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError:
        known = has_audio_signature(recording.path)
        raise Unconvertible(FailureCode.CORRUPT if known else FailureCode.UNSUPPORTED_FORMAT) from None


def _ranked_tracks(recording: Recording, container: InputContainer) -> list[Track]:
    """Return the tracks that can be decoded: libav's choice first, then default tracks, then the richest.

    Raises:
        Unconvertible: NO_AUDIO_STREAM; UNSUPPORTED_FORMAT if none can be decoded.
    """
    streams = container.streams.audio
    if not streams:
        raise Unconvertible(FailureCode.NO_AUDIO_STREAM)
    best = container.streams.best("audio")
    # A stream without a decoder in libav has no codec context.
    supported = [s for s in streams if getattr(s.codec_context, "name", None) in _DECODERS]
    tracks = [
        track for s in supported if len((track := Track(recording, container, s)).places) <= MAX_CHANNELS
    ]
    if not tracks:
        raise Unconvertible(FailureCode.UNSUPPORTED_FORMAT)
    return sorted(
        tracks,
        key=lambda track: (
            track.stream is not best,
            not track.stream.disposition & Disposition.default,
            -len(track.places),
            -(track.stream.codec_context.bit_rate or 0),
        ),
    )
