"""Chains of libavfilter filters as generators of frames."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

import av.error
from av.audio.frame import AudioFrame
from av.filter import Graph
from av.filter.context import FilterContext

from orak.adapters.audio.decoding import RATE, Layout

Filter = tuple[str, str]
"""A filter's name and arguments: the two sides of `=` in ffmpeg's `-af` option."""


def apply_filters(
    frames: Iterator[AudioFrame], layout: Layout, filters: Sequence[Filter]
) -> Iterator[AudioFrame]:
    """Yield *frames* (48 kHz, float) after *filters*.

    Only what the filters buffer stays in memory.
    """
    graph = Graph()
    graph.threads = 1
    source = graph.add_abuffer(
        sample_rate=RATE, format="fltp", layout=layout, time_base=Fraction(1, RATE), name="in"
    )
    sink = graph.add("abuffersink")
    nodes = (graph.add(name, arguments) for name, arguments in filters)
    graph.link_nodes(source, *nodes, sink).configure()
    for frame in frames:
        source.push(frame)
        yield from pull_available(sink)
    source.push(None)
    yield from pull_available(sink)


def pull_available(sink: FilterContext) -> Iterator[AudioFrame]:
    """Yield the frames that are available at *sink* now."""
    while True:
        try:
            frame = sink.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if isinstance(frame, AudioFrame):
            yield frame
