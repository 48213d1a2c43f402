"""Goals 9 and 10: conversion, against the ffmpeg CLI; without ffmpeg, compare orak only with itself."""

from collections.abc import Iterator
from pathlib import Path

from audio_samples import write_silence
from benchmarks import conversion
from benchmarks.rounds import Line, line, megabytes, milliseconds
from benchmarks.takes import TAKES

_GOALS = {"chord": (0.75, 0.55), "singing": (0.30, 0.24), "noisy stereo": (1.2, 0.9)}
_SECONDS = 180


def converting(folder: Path, rounds: int) -> Iterator[Line]:
    """Measure goals 9 and 10."""
    if conversion.ffmpeg():
        for name, write in TAKES.items():
            yield from _against_ffmpeg(name, write(folder / "source.webm", _SECONDS), folder, rounds)
    # Silence is quick to write, and converting it takes as much memory as any other sound.
    short, long = [
        conversion.by_orak(write_silence(folder / f"{minutes}.aac", 60 * minutes), folder, silent=True).memory
        for minutes in (3, 30)
    ]
    what = "conversion peak memory, 30 min / 3 min"
    yield line("10", what, ([short], [long]), megabytes, at_most=1.1, stretch=1.05)


def _against_ffmpeg(name: str, source: Path, folder: Path, rounds: int) -> Iterator[Line]:
    pairs = [
        (conversion.by_ffmpeg(source, folder), conversion.by_orak(source, folder)) for _ in range(rounds)
    ]
    sample = f"3 min, {name}, WebM to AAC"
    must, stretch = _GOALS[name]
    cpu = [peer.cpu for peer, _ in pairs], [orak.cpu for _, orak in pairs]
    what = f"conversion with loudness, CPU ({sample})"
    yield line("9", what, cpu, milliseconds, at_most=must, stretch=stretch)
    memory = [peer.memory for peer, _ in pairs], [orak.memory for _, orak in pairs]
    what = f"conversion peak memory ({sample})"
    yield line("10", what, memory, megabytes, at_most=1.0, stretch=0.7)
