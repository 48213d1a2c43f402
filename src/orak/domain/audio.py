"""The published output, and what the converter measures."""

from enum import Enum

import msgspec

PEAK_PAIRS = 800
"""How many [min, max] pairs a waveform has, whatever the duration."""

TARGET_LUFS = -14.0
"""Integrated loudness of published audio (ITU-R BS.1770-4, measured as in EBU R 128)."""

LOUDNESS_TOLERANCE_LU = 0.5
"""How far published audio may be from `TARGET_LUFS`."""

CEILING_DBTP = -1.0
"""The highest true peak of published audio (EBU R 128 s1; Spotify and Apple require it too)."""

MAX_GAIN_DB = 30.0
"""The most linear gain; more would only amplify the noise of the room."""

MAX_LIMITING_DB = 6.0
"""The most that the look-ahead limiter may take off a peak; beyond that the gain is reduced."""


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


class LoudnessLimit(Enum):
    """Why published audio is quieter than the target."""

    HEADROOM = "headroom"
    """The peaks leave no room: reaching the target would take more than `MAX_LIMITING_DB` of limiting."""

    SILENCE = "silence"
    """Too little sound: none, less than 400 ms, or so quiet that `MAX_GAIN_DB` does not reach the target."""


class Loudness(msgspec.Struct, frozen=True):
    """Loudness before and after conversion; None for silence."""

    input_lufs: float | None
    output_lufs: float | None
    true_peak_db: float | None
    """True peak of the published file in dBTP."""

    limited_by: LoudnessLimit | None = None
    """Why the target was not reached; None if it was, and for audio converted by an earlier version."""


class Conversion(msgspec.Struct, frozen=True):
    """What the converter measured."""

    duration_seconds: float
    """Decoded samples ÷ sample rate; the header is ignored."""

    loudness: Loudness

    encodings: int = 1
    """How many encodings it took to keep loudness and true peak."""
