"""Goals 9 and 10: conversion, against the ffmpeg CLI; without ffmpeg, compare orak only with itself."""

from pathlib import Path

from audio_samples import chord, write, write_silence
from benchmarks import conversion
from benchmarks.rounds import Line, line, megabytes, milliseconds


def converting(folder: Path, rounds: int) -> list[Line]:
    """Measure goals 9 and 10."""
    source = write(folder / "source.webm", chord(), 180)
    lines = []
    sample = "3 min chord, webm to AAC"
    peer, orak = conversion.Cost(), conversion.Cost()
    for _ in range(rounds):
        if conversion.ffmpeg():
            cpu, memory = conversion.by_ffmpeg(source, folder)
            peer.cpu.append(cpu)
            peer.memory.append(memory)
        cpu, memory = conversion.by_orak(source, folder)
        orak.cpu.append(cpu)
        orak.memory.append(memory)
    if peer.cpu:
        lines += [
            line(
                "9",
                f"conversion with loudness, CPU ({sample})",
                (peer.cpu, orak.cpu),
                milliseconds,
                at_most=0.75,
                stretch=0.55,
            ),
            line(
                "10",
                f"conversion peak memory ({sample})",
                (peer.memory, orak.memory),
                megabytes,
                at_most=1.0,
                stretch=0.7,
            ),
        ]
    # Silence is quick to write, and converting it takes as much memory as any other sound.
    short, long = [
        conversion.by_orak(write_silence(folder / f"{minutes}.aac", 60 * minutes), folder, silent=True)[1]
        for minutes in (3, 30)
    ]
    what = "conversion peak memory, 30 min / 3 min"
    return [*lines, line("10", what, ([short], [long]), megabytes, at_most=1.1, stretch=1.05)]
