"""Decoding of the encoded file, whole or only its loudest parts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from orak.adapters.audio.decoding import RATE

_LEAD = 3 * RATE // 10
"""Samples to decode before a part, until the decoder has what it needs: two frames of AAC, 80 ms of Opus
(RFC 7845 §4.6), ten frames of MP3."""

_MARGIN = RATE // 10
"""Samples to hear before and after a part: the encoder moves sound, and the containers its timestamps."""

_OPTIONS = {"advanced_editlist": "0"}
"""libav then does not copy the index of an MP4 file. Without, it skips the encoder's delay all the same."""


class Part(NamedTuple):
    """A part of a recording, from one sample up to another."""

    start: int
    end: int


@contextmanager
def encoded_frames(path: Path) -> Iterator[Iterator[AudioFrame]]:
    """Open the encoded file at *path*, with the padding of its last frame: players and meters hear it."""
    with _opened(path) as (container, stream):
        yield container.decode(stream)


@contextmanager
def frames_of_parts(path: Path, parts: Sequence[Part]) -> Iterator[Iterator[Iterator[AudioFrame]]]:
    """Open the encoded file at *path*; yield the frames of each of *parts*, in order, and a little around it.

    Parts that are close to each other come as one.
    """
    with _opened(path) as (container, stream):
        yield _runs(container, stream, _merged(parts))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, AudioStream]]:
    with av.open(str(path), options=_OPTIONS) as container:
        stream = container.streams.audio[0]
        stream.codec_context.thread_count = 1
        yield container, stream


def _merged(parts: Sequence[Part]) -> list[Part]:
    merged: list[Part] = []
    for part in sorted(parts):
        if merged and part.start - _MARGIN - _LEAD <= merged[-1].end + _MARGIN:
            merged[-1] = Part(merged[-1].start, max(merged[-1].end, part.end))
        else:
            merged.append(part)
    return merged


def _runs(
    container: InputContainer, stream: AudioStream, parts: Sequence[Part]
) -> Iterator[Iterator[AudioFrame]]:
    packets = container.demux(stream)
    for part in parts:
        yield _run(packets, part)


def _run(packets: "Iterator[av.Packet[AudioStream]]", part: Part) -> Iterator[AudioFrame]:
    for packet in packets:
        if packet.pts is None:
            continue
        position = float(packet.pts * packet.time_base) * RATE
        if position < part.start - _MARGIN - _LEAD:
            continue
        for frame in packet.decode():
            if position + frame.samples > part.start - _MARGIN:
                yield frame
        if position > part.end + _MARGIN:
            return
