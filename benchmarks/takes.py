"""Three recordings of any length as a browser makes them: WebM with Opus."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from itertools import cycle
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from audio_samples import RATE
from orak.adapters.audio.filtering import apply_filters
from orak.adapters.audio.sung_sample import write_sung_sample

_PARTIALS = (220.0, 277.2, 329.6, 440.0, 1108.7)
_CHORD = "0.02*(" + "+".join(f"sin(2*PI*{hertz}*t+{hertz})" for hertz in _PARTIALS) + ")"
_NOISE = "0.5*(random(0)-0.5)|0.5*(random(1)-0.5)"


def write_chord(path: Path, seconds: float) -> Path:
    """Write a steady chord, in mono."""
    return _write(path, _formula(_CHORD, seconds), "mono", seconds)


def write_singing(path: Path, seconds: float) -> Path:
    """Write a voice that sings the same verse again and again, in mono."""
    verse = path.with_name(f"{path.name}.verse")
    write_sung_sample(verse)
    with av.open(str(verse)) as container:
        frames = list(apply_filters(container.decode(audio=0), [("aformat", "sample_fmts=flt")]))
    verse.unlink()
    return _write(path, cycle(frames), "mono", seconds)


def write_noise(path: Path, seconds: float) -> Path:
    """Write noise up to 20 kHz, different in both channels."""
    return _write(path, _formula(_NOISE, seconds), "stereo", seconds)


TAKES: Mapping[str, Callable[[Path, float], Path]] = {
    "chord": write_chord,
    "singing": write_singing,
    "noisy stereo": write_noise,
}


def _formula(formula: str, seconds: float) -> Iterator[AudioFrame]:
    graph = av.filter.Graph()
    sink = graph.add("abuffersink")
    graph.link_nodes(
        graph.add("aevalsrc", f"exprs={formula}:s={RATE}:d={seconds}"),
        graph.add("aformat", "sample_fmts=flt"),
        sink,
    ).configure()
    while True:
        try:
            yield sink.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return


def _write(path: Path, frames: Iterator[AudioFrame], layout: str, seconds: float) -> Path:
    with _webm(path, layout) as (container, stream):
        position = 0
        for frame in frames:
            frame.pts, frame.time_base = position, Fraction(1, RATE)
            position += frame.samples
            container.mux(stream.encode(frame))
            if position >= seconds * RATE:
                break
        container.mux(stream.encode(None))
    return path


@contextmanager
def _webm(path: Path, layout: str) -> Iterator[tuple[av.container.OutputContainer, AudioStream]]:
    with av.open(str(path), "w", format="webm", container_options={"live": "1"}) as container:
        stream = container.add_stream("libopus", rate=RATE, layout=layout)
        assert isinstance(stream, AudioStream)
        yield container, stream
