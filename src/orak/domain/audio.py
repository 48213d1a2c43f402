"""Which audio comes in, what goes out, and what a decoder measured on the way."""

from collections.abc import Mapping
from enum import Enum

import msgspec

PEAK_PAIRS = 800
"""How many [min, max] pairs a waveform has, whatever the length of the take."""

TARGET_LUFS = -14.0
"""Integrated loudness of every published take (ITU-R BS.1770-4, measured as EBU R 128 says)."""

CEILING_DBTP = -1.0
"""No true peak of a published take is above this (EBU R 128 s1, Spotify's and Apple's delivery rule)."""

MAX_GAIN_DB = 30.0
"""The one linear gain stops here: more would only raise a room's noise."""

MAX_LIMITING_DB = 6.0
"""What the look-ahead limiter may take off a peak before the gain is held back instead."""

ACCEPTED: Mapping[str, frozenset[str]] = {
    "webm": frozenset({"audio/webm", "video/webm"}),
    "ogg": frozenset({"audio/ogg", "audio/opus", "application/ogg"}),
    "oga": frozenset({"audio/ogg", "audio/opus", "application/ogg"}),
    "opus": frozenset({"audio/ogg", "audio/opus", "application/ogg"}),
    "m4a": frozenset({"audio/mp4", "audio/x-m4a", "audio/m4a", "audio/aac"}),
    "mp4": frozenset({"audio/mp4", "audio/x-m4a", "audio/m4a", "audio/aac"}),
    "aac": frozenset({"audio/mp4", "audio/x-m4a", "audio/m4a", "audio/aac"}),
    "mp3": frozenset({"audio/mpeg", "audio/mp3"}),
    "wav": frozenset({"audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"}),
    "flac": frozenset({"audio/flac", "audio/x-flac"}),
}
"""Accepted file extensions, and the MIME types under which browsers send each."""

ACCEPTED_TYPES: frozenset[str] = frozenset().union(*ACCEPTED.values())


class AudioProfile(Enum):
    """How a published take is encoded; the value is the word of the `AUDIO_PROFILE` setting."""

    AAC_128 = "aac-128"
    MP3_192 = "mp3-192"
    OPUS_96 = "opus-96"

    @property
    def extension(self) -> str:
        """The published file's extension, without the dot."""
        return {"aac-128": "m4a", "mp3-192": "mp3", "opus-96": "ogg"}[self.value]

    @property
    def content_type(self) -> str:
        """The published file's media type."""
        return {"aac-128": "audio/mp4", "mp3-192": "audio/mpeg", "opus-96": "audio/ogg"}[self.value]


class Loudness(msgspec.Struct, frozen=True):
    """How loud a take came in and went out; None where there was only silence to measure."""

    input_lufs: float | None
    output_lufs: float | None
    true_peak_db: float | None
    """True peak of the published file in dBTP."""


class Conversion(msgspec.Struct, frozen=True):
    """What a decoder measured while it turned an upload into a published take."""

    duration_seconds: float
    """Decoded samples ÷ sample rate; the header's word is not asked."""

    loudness: Loudness
