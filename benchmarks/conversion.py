"""Goals 9 and 10: one conversion against ffmpeg's command line, collect_metrics first and then gaining."""

import json
import re
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


_LAUNCHER = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stderr=subprocess.STDOUT)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"\\n[{used.ru_utime + used.ru_stime}, {used.ru_maxrss}]", end="")
sys.exit(code)
"""


@dataclass(frozen=True)
class Usage:
    """What a command and its children used."""

    cpu: float
    memory: float
    """Of the largest process, in bytes."""


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
    collect_metrics, measured = _run([*quiet, "-af", "ebur128=peak=true:framelog=verbose", "-f", "null", "-"])
    loudness = float(re.findall(r"I:\s+(-?[0-9.]+) LUFS", measured)[-1])
    peak = float(re.findall(r"Peak:\s+(-?[0-9.]+) dBFS", measured)[-1])
    gain = min(-14.0 - loudness, -1.0 - peak)
    output = ["-c:a", "aac", "-b:a", "128k", "-ac", "2", "-ar", "48000", "-movflags", "+faststart"]
    encoding, _ = _run([*quiet, "-af", f"volume={gain}dB", *output, str(folder / "peer.m4a")])
    return collect_metrics.cpu + encoding.cpu, max(collect_metrics.memory, encoding.memory)


def by_orak(source: Path, folder: Path, *, silent: bool = False) -> tuple[float, float]:
    """Convert once and three times: the difference is two conversions, without any start."""
    idempotency_key, _ = _run([sys.executable, "-c", _OWN, str(source), str(folder), "1"])
    thrice, said = _run([sys.executable, "-c", _OWN, str(source), str(folder), "3"])
    assert silent or abs(float(said) + 14) <= 0.5, said
    return (thrice.cpu - idempotency_key.cpu) / 2, thrice.memory


def _run(command: list[str]) -> tuple[Usage, str]:
    """Run it; return what it and its children used, and what it said."""
    # A forked process begins with its parent's peak, so the parent must be a small one: not this one.
    done = subprocess.run(
        [sys.executable, "-ES", "-c", _LAUNCHER, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    said, _, told = done.stdout.rpartition("\n")
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout[-500:]}{done.stderr[-500:]}")
    cpu, kibibytes = json.loads(told)
    return Usage(cpu, 1024.0 * kibibytes), said
