"""What a conversion's child and its parent tell each other: lines of JSON, each one of these.

Never pickle: a file that takes over the decoder would take over whoever unpickles its words.
"""

import msgspec

from orak.adapters.audio.limits import DecodingLimits
from orak.domain.audio import AudioProfile, Conversion
from orak.domain.processing import FailureCode

LONGEST_LINE = 64 * 1024
"""Bytes; a child that says more in one line is not one of ours any more."""


class Task(msgspec.Struct, frozen=True):
    """The parent's one line: what to convert."""

    source: str
    audio: str
    waveform: str
    profile: AudioProfile
    title: str
    max_duration_seconds: int
    limits: DecodingLimits


class Advanced(msgspec.Struct, frozen=True, tag="advanced"):
    """The conversion got on: 0 to 1."""

    fraction: float


class Converted(msgspec.Struct, frozen=True, tag="converted"):
    """Both files are written and on disk."""

    conversion: Conversion


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """This file will never convert."""

    failure: FailureCode


class Exhausted(msgspec.Struct, frozen=True, tag="exhausted"):
    """The take used up the memory or the size of a file that it was allowed."""


class NoRoom(msgspec.Struct, frozen=True, tag="no-room"):
    """The machine's disk, or the user's share of it, is full: no fault of the take."""


Report = Advanced | Converted | Refused | Exhausted | NoRoom
"""One line from the child; all but `Advanced` are its last."""

to_report: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)
to_task: msgspec.json.Decoder[Task] = msgspec.json.Decoder(Task)


def line(message: Task | Report) -> bytes:
    """*message* as it goes over the socket."""
    return msgspec.json.encode(message) + b"\n"
