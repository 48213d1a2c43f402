"""Accepted input, the published output, and what the converter measures."""

from collections.abc import Mapping
from enum import Enum

import msgspec

PEAK_PAIRS = 800
"""How many [min, max] pairs a waveform has, whatever the duration."""

TARGET_LUFS = -14.0
"""Integrated loudness of published audio (ITU-R BS.1770-4, measured as in EBU R 128)."""

CEILING_DBTP = -1.0
"""The highest true peak of published audio (EBU R 128 s1; Spotify and Apple require it too)."""

MAX_GAIN_DB = 30.0
"""The most linear gain; more would only amplify the noise of the room."""

MAX_LIMITING_DB = 6.0
"""The most that the look-ahead limiter may take off a peak; beyond that the gain is reduced."""

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
"""Accepted file extensions, and the MIME types that browsers send for each."""

ACCEPTED_TYPES: frozenset[str] = frozenset().union(*ACCEPTED.values())


class AudioProfile(Enum):
    """How published audio is encoded; the values of `AUDIO_PROFILE`."""

    AAC_128 = "aac-128"
    MP3_192 = "mp3-192"
    OPUS_96 = "opus-96"

    @property
    def extension(self) -> str:
        """The extension of the published file, without the dot."""
        return {"aac-128": "m4a", "mp3-192": "mp3", "opus-96": "ogg"}[self.value]

    @property
    def content_type(self) -> str:
        """The media type of the published file."""
        return {"aac-128": "audio/mp4", "mp3-192": "audio/mpeg", "opus-96": "audio/ogg"}[self.value]


class Loudness(msgspec.Struct, frozen=True):
    """Loudness before and after conversion; None for silence."""

    input_lufs: float | None
    output_lufs: float | None
    true_peak_db: float | None
    """True peak of the published file in dBTP."""


class Conversion(msgspec.Struct, frozen=True):
    """What the converter measured."""

    duration_seconds: float
    """Decoded samples ÷ sample rate; the header is ignored."""

    loudness: Loudness
