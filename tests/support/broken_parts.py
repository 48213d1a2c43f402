"""A running application and the doctor of its settings, to be watched while a part of it is broken."""

import asyncio
import json
import os
import re
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx

from alarms import PROMETHEUS
from orak.entrypoints.cli.diagnosis import CHECKS, Diagnosis
from orak.entrypoints.cli.finding import Finding
from served import in_process

DEADLINE = 30
"""Seconds in which a part that was repaired has to work again."""


class Watched:
    """An application, and what its probes say."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def ready(self) -> tuple[int, list[str], list[str]]:
        """Return the status of the readiness probe, the failing parts and the degraded ones."""
        answer = await self.client.get("/health/ready")
        body = answer.json()
        failing = [detail["field"] for detail in body.get("error", {}).get("details", ())]
        return answer.status_code, failing, body.get("degraded", [])

    async def until_ready_is(self, status: int, failing: str = "", degraded: str = "") -> None:
        """Wait until the readiness probe answers this."""
        wanted = (status, failing.split(), degraded.split())
        await until(self.ready, wanted)

    async def metric(self, row: str) -> float:
        """Return the figure of a row of `/metrics`, such as `up{part="disk"}`."""
        text = await self._metrics()
        found = re.search(rf"^{re.escape(row)} (\S+)$", text, re.MULTILINE)
        assert found, text
        return float(found[1])

    async def fires(self, alarm: str) -> bool:
        """Return whether *alarm* fires after a quarter of an hour in which `/metrics` stays as it is.

        promtool evaluates the rules that are shipped.
        """
        rows = re.findall(
            rf"^({'|'.join(_OF_PARTS)})(?:{{(.*)}})? (\S+)$", await self._metrics(), re.MULTILINE
        )
        series = [
            {"series": f'{name}{{instance="api-1",{labels}}}', "values": f"{float(value):g}x20"}
            for name, labels, value in rows
        ]
        silent = {"alertname": alarm, "eval_time": "15m", "exp_alerts": []}
        test = {"interval": "1m", "input_series": series, "alert_rule_test": [silent]}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"rule_files": [str(PROMETHEUS / "rules.yml")], "tests": [test]}, file)
            file.flush()
            command = ["promtool", "test", "rules", file.name]
            checked = await asyncio.to_thread(
                subprocess.run, command, capture_output=True, text=True, check=False
            )
        said = checked.stdout + checked.stderr
        assert (checked.returncode == 0) or f'alertname="{alarm}"' in said, said
        return checked.returncode != 0

    async def _metrics(self) -> str:
        return (await self.client.get("/metrics")).text


_OF_PARTS = ("orak_database_up", "orak_part_up", "orak_disk_free_ratio", "orak_clock_skew_seconds")


async def until(ask: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Ask until the answer is *wanted*."""
    answer = None
    try:
        async with asyncio.timeout(DEADLINE):
            while (answer := await ask()) != wanted:  # noqa: ASYNC110 - another process sets no event
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"{answer} did not become {wanted}") from None


@asynccontextmanager
async def watched(data_dir: Path, **settings: object) -> AsyncIterator[Watched]:
    """Run the application until the block ends."""
    async with in_process(data_dir, **settings) as client:
        yield Watched(client)


async def diagnosed(only: str, data_dir: Path, **settings: object) -> list[Finding]:
    """Return the findings of one check that are not ok, with the same settings as `watched`."""
    flags = {"data_dir": data_dir, **settings}
    found = [one async for one in Diagnosis(flags, [c for c in CHECKS if c.name == only]).findings()]
    found = found[3:]  # Python, settings and open files
    assert found
    for one in found:
        assert (one.hint is None) == (one.level == "ok"), one
    return [one for one in found if one.level != "ok"]


@contextmanager
def small_disk(folder: Path):
    """Mount a file system of 8 MiB on *folder*, which root may do; yield a call that fills it."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=True)
    try:
        yield _fill
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as opened:
        for size in (2**16, 2**10, 1):
            try:
                while opened.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


def another_time(seconds: int) -> dict[str, str]:
    """Return the environment of a process whose clock is ahead by this many seconds (Debian: faketime)."""
    shown = subprocess.check_output(["faketime", "-f", f"{seconds:+d}s", "env"], text=True)
    given = dict(line.partition("=")[::2] for line in shown.splitlines() if "=" in line)
    changed = {name: value for name, value in given.items() if os.environ.get(name) != value}
    return {name: value for name, value in changed.items() if name == "LD_PRELOAD" or "FAKETIME" in name} | {
        "FAKETIME_DONT_FAKE_MONOTONIC": "1"
    }
