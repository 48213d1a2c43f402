"""Chains of libavfilter filters as generators of frames."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Self

import av.error
from av.audio.frame import AudioFrame
from av.filter import Graph
from av.filter.context import FilterContext

Filter = tuple[str, str]
"""A filter's name and arguments: the two sides of `=` in ffmpeg's `-af` option."""


class Chain:
    """Filters in a row. Only what they buffer stays in memory."""

    def __init__(self, rate: int, sample_format: str, layout: str, filters: Sequence[Filter]) -> None:
        """Connect *filters* to a source of frames with this sample rate, format and layout.

        Raises:
            av.error.FFmpegError, ValueError: the filters cannot process such frames.
        """
        self._graph = Graph()
        self._graph.threads = 1
        self._source = self._graph.add_abuffer(
            sample_rate=rate, format=sample_format, layout=layout, time_base=Fraction(1, rate), name="in"
        )
        self._sink = self._graph.add("abuffersink")
        nodes = (self._graph.add(name, arguments) for name, arguments in filters)
        self._graph.link_nodes(self._source, *nodes, self._sink).configure()

    @classmethod
    def of(cls, frame: AudioFrame, filters: Sequence[Filter]) -> Self:
        """Connect *filters* to a source of frames like *frame*."""
        return cls(frame.sample_rate, frame.format.name, frame.layout.name, filters)

    def push(self, frame: AudioFrame | None) -> Iterator[AudioFrame]:
        """Pass *frame* in, or None at the end, and yield the frames that come out."""
        self.feed(frame)
        yield from pull_available(self._sink)

    def feed(self, frame: AudioFrame | None) -> None:
        """Pass *frame* in, or None at the end; what comes out stays for the next `push`."""
        self._source.push(frame)


def apply_filters(frames: Iterator[AudioFrame], filters: Sequence[Filter]) -> Iterator[AudioFrame]:
    """Yield *frames* after *filters*. All frames are like the first."""
    chain: Chain | None = None
    for frame in frames:
        chain = chain or Chain.of(frame, filters)
        yield from chain.push(frame)
    if chain is not None:
        yield from chain.push(None)


def pull_available(sink: FilterContext) -> Iterator[AudioFrame]:
    """Yield the frames that are available at *sink* now."""
    while True:
        try:
            frame = sink.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if isinstance(frame, AudioFrame):
            yield frame
