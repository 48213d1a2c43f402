"""Goals 9 and 10: one conversion, by orak and by the ffmpeg CLI in two passes (measure, then encode)."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_ORAK_SCRIPT = """
import asyncio, json, sys
from pathlib import Path
from orak.adapters.audio.child_converter import ChildConverter
from orak.application.ports.converter import ConversionOrder
from orak.domain.audio import AudioProfile

async def main(source, folder, times):
    async with ChildConverter() as converter:
        for number in range(times):
            order = ConversionOrder(
                Path(source), Path(folder, f"{number}.m4a"), Path(folder, f"{number}.json"),
                AudioProfile.AAC_128, "a recording", 36_000,
            )
            result = await converter.convert(order, lambda _: None)
    print(json.dumps(result.loudness.output_lufs))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


_LAUNCHER = """
import resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.call(sys.argv[1:], stderr=subprocess.STDOUT)
seconds = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"\\n[{used.ru_utime + used.ru_stime}, {used.ru_maxrss}, {seconds}]", end="")
sys.exit(code)
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """The resources that a command and its children used."""

    cpu: float
    """User and system time in seconds."""
    memory: float
    """Peak of the largest process, in bytes."""
    seconds: float
    """Wall time."""


def ffmpeg() -> str | None:
    """Return the path of ffmpeg, or None if it is not installed."""
    return shutil.which("ffmpeg")


def by_ffmpeg(source: Path, folder: Path) -> Usage:
    """Measure, then apply the gain and encode."""
    program = ffmpeg()
    assert program is not None
    quiet = [program, "-hide_banner", "-nostats", "-y", "-i", str(source)]
    measuring, text = _run([*quiet, "-af", "ebur128=peak=true:framelog=verbose", "-f", "null", "-"])
    loudness = float(re.findall(r"I:\s+(-?[0-9.]+) LUFS", text)[-1])
    peak = float(re.findall(r"Peak:\s+(-?[0-9.]+) dBFS", text)[-1])
    gain = min(-14.0 - loudness, -1.0 - peak)
    output = ["-c:a", "aac", "-b:a", "128k", "-ac", "2", "-ar", "48000", "-movflags", "+faststart"]
    encoding, _ = _run([*quiet, "-af", f"volume={gain}dB", *output, str(folder / "peer.m4a")])
    return Usage(
        measuring.cpu + encoding.cpu,
        max(measuring.memory, encoding.memory),
        measuring.seconds + encoding.seconds,
    )


def by_orak(source: Path, folder: Path, *, silent: bool = False) -> Usage:
    """Convert once, then three times; half the difference is one conversion without start-up."""
    once, _ = _run([sys.executable, "-c", _ORAK_SCRIPT, str(source), str(folder), "1"])
    thrice, lufs = _run([sys.executable, "-c", _ORAK_SCRIPT, str(source), str(folder), "3"])
    assert silent or abs(float(lufs) + 14) <= 0.5, lufs  # the promised loudness
    return Usage((thrice.cpu - once.cpu) / 2, thrice.memory, (thrice.seconds - once.seconds) / 2)


def _run(command: list[str]) -> tuple[Usage, str]:
    """Run *command*; return its usage and its output."""
    # A forked process starts with its parent's peak memory, so a small launcher is the parent.
    done = subprocess.run(
        [sys.executable, "-ES", "-c", _LAUNCHER, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    output, _, usage = done.stdout.rpartition("\n")
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout[-500:]}{done.stderr[-500:]}")
    cpu, kibibytes, seconds = json.loads(usage)
    return Usage(cpu, 1024.0 * kibibytes, seconds), output
