from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from orak.domain.audio import AudioProfile, Conversion
from orak.domain.errors import OrakError
from orak.domain.processing import FailureCode


class Unconvertible(OrakError):
    """This file will never convert: trying again gives the same answer."""

    def __init__(self, failure: FailureCode) -> None:
        super().__init__(failure)
        self.failure = failure


class DecoderDied(OrakError):
    """The decoding process was killed, by a signal or by its limit on memory, CPU or wall clock.

    `failure` is DECODER_CRASHED or RESOURCE_LIMIT. A second try may succeed (the machine was short of
    memory), a second death will not be the last.
    """

    def __init__(self, failure: FailureCode) -> None:
        super().__init__(failure)
        self.failure = failure


class ConversionOrder(msgspec.Struct, frozen=True):
    """One conversion: what to read, what to write, and how much it may cost."""

    source: Path
    audio: Path
    """Where the published take is written; its folder exists, the file does not."""
    waveform: Path
    """Where the peaks are written, as `{"version": 1, "durationSeconds": f, "peaks": [[min, max] x 800]}`."""
    profile: AudioProfile
    title: str
    max_duration_seconds: int


class Converter(Protocol):
    """Turns uploaded audio into a published take."""

    async def convert(self, order: ConversionOrder, progress: Callable[[float], None]) -> Conversion:
        """Decode, measure, gain, encode; return what was measured once both files are whole on disk.

        The format is recognised by content. `progress` is called on the event loop with a rising fraction
        from 0 to 1, a few times a second. A stream that was cut short converts to what it holds. Cancelling
        the call kills the conversion. Nothing but `source` is opened, and the caller's process survives
        whatever the file does.

        Raises:
            Unconvertible: UNSUPPORTED_FORMAT, NO_AUDIO_STREAM, CORRUPT, EMPTY_AUDIO or DURATION_EXCEEDED.
            DecoderDied: DECODER_CRASHED or RESOURCE_LIMIT.
            Unavailable: this machine cannot start a conversion now, whatever the file.
        """
        ...
