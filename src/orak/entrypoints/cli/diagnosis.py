"""All checks of `orak doctor`, one after the other, each with a time limit."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from orak.entrypoints.cli.checks import audio, cdn, clock, database, events, machine, redis, settings, storage
from orak.entrypoints.cli.errors import CommandError
from orak.entrypoints.cli.finding import Finding
from orak.entrypoints.cli.options import load_settings
from orak.entrypoints.cli.threads import in_thread
from orak.entrypoints.settings.sources import LoadedSettings
from orak.entrypoints.settings.values import Settings

_CLEAN_UP_SECONDS = 5.0
"""Seconds for a check that was stopped to remove what it made."""

Check: TypeAlias = Callable[[Settings], Awaitable[Sequence[Finding]]]


class Timed(NamedTuple):
    """A check, the name of what it checks, and how many seconds it may take."""

    name: str
    check: Check
    seconds: float = 10.0


def _blocking(check: Callable[[Settings], Finding | list[Finding]]) -> Check:
    async def run(settings: Settings) -> Sequence[Finding]:
        found = await in_thread(check, settings)
        return found if isinstance(found, list) else [found]

    return run


CHECKS: Sequence[Timed] = (
    Timed("data", _blocking(machine.check_data_dir)),
    Timed("database", database.check_database, 40),
    Timed("storage", storage.check_storage, 40),
    Timed("redis", redis.check_redis),
    Timed("events", events.check_events, 30),
    Timed("cdn", cdn.check_cdn, 30),
    Timed("audio", _blocking(lambda _: audio.check_decoders()), 30),
    Timed("conversion", audio.check_conversions, 60),
    Timed("port", _blocking(machine.check_port)),
    Timed("metrics", _blocking(machine.check_metrics_port)),
    Timed("telemetry", _blocking(lambda _: settings.check_telemetry_settings())),
    Timed("tokens", _blocking(settings.check_token_settings), 15),
    Timed("clock", _blocking(clock.check_files)),
    Timed("clock", clock.check_database_clock, 15),
    Timed("clock", clock.check_storage_clock, 15),
)


class Diagnosis:
    """One run of the checks."""

    def __init__(self, flags: dict[str, object], checks: Iterable[Timed] = CHECKS) -> None:
        """Check the settings with *flags*, then run *checks*."""
        self._flags = flags
        self._checks = checks
        self.hangs = False
        """Whether something that a check began may still run."""

    async def findings(self, begin: Callable[[str], None] = lambda _: None) -> AsyncIterator[Finding]:
        """Run the checks and yield their findings; call *begin* with the name of each check.

        If the block is left early, the check that runs is stopped, and removes what it made.
        """
        yield machine.check_python()
        try:
            loaded: LoadedSettings = load_settings(**self._flags)
        except CommandError as error:
            yield Finding("settings", "fail", error.message, error.hint)
            return
        yield settings.check_settings(loaded)
        yield machine.check_files()
        for check in self._checks:
            begin(check.name)
            for finding in await self._run(check, loaded.settings):
                yield finding

    async def _run(self, timed: Timed, chosen: Settings) -> Sequence[Finding]:
        task = asyncio.ensure_future(timed.check(chosen))
        try:
            await asyncio.wait([task], timeout=timed.seconds)
            if not task.done():
                self.hangs = True
                return [
                    Finding(
                        timed.name,
                        "fail",
                        f"no answer within {timed.seconds:.0f} s",
                        "check the network, and the disk, between this machine and that part",
                    )
                ]
            return task.result()
        except Exception as error:
            if os.environ.get("ORAK_DEBUG"):
                raise
            # Not the text of the error, which may hold a secret.
            return [
                Finding(
                    timed.name,
                    "fail",
                    f"the check failed: {type(error).__name__}",
                    "run `ORAK_DEBUG=1 orak doctor`, and report the traceback as a bug",
                )
            ]
        finally:
            task.cancel()
            await asyncio.wait([task], timeout=_CLEAN_UP_SECONDS)
