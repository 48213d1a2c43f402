"""Messages between the converter and its child process: one JSON object per line.

Pickle is not used: a file that takes over the decoder could then take over the parent as well.
"""

import msgspec

from orak.adapters.audio.limits import ConversionLimits
from orak.domain.audio import AudioProfile, Conversion
from orak.domain.processing import FailureCode

LONGEST_LINE = 64 * 1024
"""Bytes. A child that sends a longer line is under foreign control."""


class Task(msgspec.Struct, frozen=True):
    """The parent's only message: what to convert."""

    source: str
    audio: str
    spare: str
    """Where an encoding is written while `audio` is the best so far."""
    waveform: str
    profile: AudioProfile
    title: str
    max_duration_seconds: int
    limits: ConversionLimits


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """The part of the conversion that is done."""

    fraction: float
    """From 0 to 1."""

    work: float
    """Audio decoded so far, see `ConversionLimits`."""


class Converted(msgspec.Struct, frozen=True, tag="converted"):
    """Success: both files are on disk."""

    conversion: Conversion


class Rejected(msgspec.Struct, frozen=True, tag="rejected"):
    """This file can never be converted."""

    failure: FailureCode


class LimitExceeded(msgspec.Struct, frozen=True, tag="limit-exceeded"):
    """The conversion reached its limit on memory or file size."""


class DiskFull(msgspec.Struct, frozen=True, tag="disk-full"):
    """The disk or the user's quota is full, which says nothing about the source file."""


class Broken(msgspec.Struct, frozen=True, tag="broken"):
    """The conversion ended with an exception of its own code."""

    traceback: str


Report = Progress | Converted | Rejected | LimitExceeded | DiskFull | Broken
"""One line from the child; any report but `Progress` is its last."""

to_report: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)
to_task: msgspec.json.Decoder[Task] = msgspec.json.Decoder(Task)


def line(message: Task | Report) -> bytes:
    """Return *message* as it is sent over the socket."""
    return msgspec.json.encode(message) + b"\n"
