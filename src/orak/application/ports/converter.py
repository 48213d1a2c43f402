from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from orak.domain.audio import AudioProfile, Conversion
from orak.domain.errors import OrakError
from orak.domain.processing import FailureCode


class Unconvertible(OrakError):
    """The file can never be converted: another try gives the same failure."""

    def __init__(self, failure: FailureCode) -> None:
        super().__init__(f"the file cannot be converted: {failure}")
        self.failure = failure


class DecoderDied(OrakError):
    """The decoding process was killed, by a signal or by one of its limits.

    `failure` is DECODER_CRASHED or RESOURCE_LIMIT. A second try may succeed, because the machine may have
    been short of memory; after a second death, more would follow.
    """

    def __init__(self, failure: FailureCode) -> None:
        super().__init__(f"the decoding process was killed: {failure}")
        self.failure = failure


class ConversionBroke(OrakError):
    """orak itself failed, not the file: its message is the traceback. Another run may succeed."""

    def __init__(self, traceback: str) -> None:
        super().__init__(f"the conversion broke off:\n{traceback}")


class ConversionOrder(msgspec.Struct, frozen=True):
    """One conversion: what to read, where to write, and the limit on its input."""

    source: Path
    audio: Path
    """Where the converted audio is written; its folder exists, the file does not."""
    waveform: Path
    """Where the waveform is written: `{"version": 1, "durationSeconds": f, "peaks": [[min, max], …]}`."""
    profile: AudioProfile
    title: str
    max_duration_seconds: int


class Converter(Protocol):
    """Converts uploaded audio into a rendition."""

    async def convert(self, order: ConversionOrder, progress: Callable[[float], None]) -> Conversion:
        """Decode, measure, apply gain and encode; return the measurements.

        Both files are complete then. The content decides the format, not the name. `progress` is called on
        the event loop a few times a second, with a rising fraction from 0 to 1. A truncated stream converts
        to the audio it holds. Cancelling the call kills the conversion. The converter opens no file but
        `source`, and no content can crash the caller's process.

        Raises:
            Unconvertible: UNSUPPORTED_FORMAT, NO_AUDIO_STREAM, CORRUPT, EMPTY_AUDIO or DURATION_EXCEEDED.
            DecoderDied: DECODER_CRASHED or RESOURCE_LIMIT.
            ConversionBroke: a bug in orak, or an error of this machine.
            Unavailable: this machine cannot start a conversion now; the file is not the reason.
        """
        ...
