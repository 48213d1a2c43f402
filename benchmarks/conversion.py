"""Goals 9 and 10: one conversion against ffmpeg's command line, measuring first and then gaining."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

_OWN = """
import asyncio, json, sys
from pathlib import Path
from orak.adapters.audio.child_converter import ChildConverter
from orak.application.ports.audio import ConversionOrder
from orak.domain.audio import AudioProfile

async def main(source, folder, times):
    async with ChildConverter() as converter:
        for number in range(times):
            order = ConversionOrder(
                Path(source), Path(folder, f"{number}.m4a"), Path(folder, f"{number}.json"),
                AudioProfile.AAC_128, "a take", 36_000,
            )
            done = await converter.convert(order, lambda _: None)
    print(json.dumps(done.loudness.output_lufs))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


@dataclass
class Cost:
    """Over the rounds."""

    cpu: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    """Of the largest process, in bytes."""


def ffmpeg() -> str | None:
    """Return where ffmpeg is."""
    return shutil.which("ffmpeg")


def by_ffmpeg(source: Path, folder: Path) -> tuple[float, float]:
    """Measure, then gain and encode; return CPU seconds and the larger peak in bytes."""
    program = ffmpeg()
    assert program is not None
    quiet = [program, "-hide_banner", "-nostats", "-y", "-i", str(source)]
    measuring, measured = _run([*quiet, "-af", "ebur128=peak=true:framelog=verbose", "-f", "null", "-"])
    loudness = float(re.findall(r"I:\s+(-?[0-9.]+) LUFS", measured)[-1])
    peak = float(re.findall(r"Peak:\s+(-?[0-9.]+) dBFS", measured)[-1])
    gain = min(-14.0 - loudness, -1.0 - peak)
    output = ["-c:a", "aac", "-b:a", "128k", "-ac", "2", "-ar", "48000", "-movflags", "+faststart"]
    encoding, _ = _run([*quiet, "-af", f"volume={gain}dB", *output, str(folder / "peer.m4a")])
    return measuring.ru_utime + measuring.ru_stime + encoding.ru_utime + encoding.ru_stime, 1024.0 * max(
        measuring.ru_maxrss, encoding.ru_maxrss
    )


def by_orak(source: Path, folder: Path, *, silent: bool = False) -> tuple[float, float]:
    """Convert once and three times: the difference is two conversions, without any start."""
    once, _ = _run([sys.executable, "-c", _OWN, str(source), str(folder), "1"])
    thrice, said = _run([sys.executable, "-c", _OWN, str(source), str(folder), "3"])
    assert silent or abs(json.loads(said) + 14) <= 0.5, said
    cpu = (thrice.ru_utime + thrice.ru_stime - once.ru_utime - once.ru_stime) / 2
    return cpu, 1024.0 * thrice.ru_maxrss


def _run(command: list[str]) -> tuple[resource.struct_rusage, str]:
    """Run it; return what it and its children used, and what it said."""
    reading, writing = os.pipe()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=writing, stderr=writing)
    os.close(writing)
    with os.fdopen(reading, errors="replace") as said:
        text = said.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]}: {text[-500:]}")
    return usage, text
