"""A chain of libavfilter filters as a generator of frames."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

import av.error
from av.audio.frame import AudioFrame
from av.filter import Graph
from av.filter.context import FilterContext

from orak.adapters.audio.decoding import RATE, Layout

Filter = tuple[str, str]
"""A filter's name and its arguments, as ffmpeg's `-af` has them on the two sides of `=`."""


def filtered(frames: Iterator[AudioFrame], layout: Layout, filters: Sequence[Filter]) -> Iterator[AudioFrame]:
    """Send *frames* (48 kHz, float) through *filters*; only what the filters hold back is in memory."""
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
        yield from ready(sink)
    source.push(None)
    yield from ready(sink)


def ready(sink: FilterContext) -> Iterator[AudioFrame]:
    """Yield what has come out at *sink* by now."""
    while True:
        try:
            frame = sink.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if isinstance(frame, AudioFrame):
            yield frame
