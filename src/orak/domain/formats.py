"""Audio formats that may be uploaded, by file extension and by content type.

The decoder recognises a file by its content. Extension and content type only keep out what is no audio, so
they need not agree with each other.
"""

from collections.abc import Sequence
from typing import NamedTuple


class AudioFormat(NamedTuple):
    """A family of files that the decoder reads; the first content type is the one to send."""

    extensions: Sequence[str]
    content_types: Sequence[str]


ACCEPTED: Sequence[AudioFormat] = (
    AudioFormat(("webm", "weba"), ("audio/webm", "video/webm")),
    AudioFormat(
        ("ogg", "oga", "opus", "ogv"),
        (
            *("audio/ogg", "audio/opus", "application/ogg", "video/ogg"),
            *("audio/x-opus+ogg", "audio/x-vorbis+ogg"),
        ),
    ),
    AudioFormat(
        ("m4a", "mp4", "m4b"),
        (
            *("audio/mp4", "video/mp4", "audio/x-m4a", "audio/m4a", "audio/x-m4b", "audio/m4b"),
            "audio/mp4a-latm",
        ),
    ),
    AudioFormat(("qta", "mov"), ("audio/quicktime", "video/quicktime")),
    AudioFormat(("3gp", "3gpp"), ("audio/3gpp", "video/3gpp")),
    AudioFormat(
        ("aac",),
        ("audio/aac", "audio/aacp", "audio/x-aac", "audio/vnd.dlna.adts", "audio/x-hx-aac-adts"),
    ),
    AudioFormat(("mp3",), ("audio/mpeg", "audio/mp3")),
    AudioFormat(("wav",), ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave")),
    AudioFormat(("flac",), ("audio/flac", "audio/x-flac")),
    AudioFormat(("aiff", "aif"), ("audio/aiff", "audio/x-aiff")),
    AudioFormat(("caf",), ("audio/x-caf", "audio/caf")),
    AudioFormat(("mka", "mkv"), ("audio/x-matroska", "audio/matroska", "video/x-matroska", "video/matroska")),
)
"""What browsers, phones and operating systems send for audio that they recorded or hold."""

EXTENSIONS: tuple[str, ...] = tuple(one for audio in ACCEPTED for one in audio.extensions)
"""Accepted file extensions, in lower case and without the dot."""

CONTENT_TYPES: tuple[str, ...] = tuple(one for audio in ACCEPTED for one in audio.content_types)
"""Accepted media types, in lower case and without parameters."""
