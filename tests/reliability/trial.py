"""One trial: clients work while the nemesis injects faults; then every upload must reach the right end."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from reliability.checker import Verdict, count_unfinished, find_strays, judge
from reliability.clients import ChaosClient
from reliability.history import History
from reliability.nemesis import Nemesis
from reliability.world import World

RECOVERY_SECONDS = 60
_SETTLING_SECONDS = 20
_READY_SECONDS = 60
CLIENTS = 20


@dataclass
class Outcome:
    """The outcome of a trial."""

    seed: int
    verdict: Verdict
    history: History
    recovery_seconds: float
    """From the end of the last fault until the last upload is COMPLETED or FAILED."""
    unfinished: int
    """Uploads that were neither by then."""
    logs: Path | None = None
    """Where the logs of a failed trial are kept."""

    @property
    def passed(self) -> bool:
        return not (self.verdict.problems or self.history.surprises or self.unfinished)

    def __str__(self) -> str:
        v, h = self.verdict, self.history
        return (
            f"seed {self.seed}: {'passed' if self.passed else 'FAILED'}  faults {len(h.faults)}  "
            f"acknowledged {v.acknowledged}  lost {len(v.lost)}  duplicated {len(v.duplicated)}  "
            f"deleted {v.deleted}  replaced {v.replaced}  resurrected {len(v.resurrected)}  "
            f"failed {v.failed}  attempts {v.attempts}  recovery {self.recovery_seconds:.1f} s  "
            f"longest request {h.longest_seconds:.1f} s"
        )


async def run_trial(
    start_world: Callable[[Path], AbstractContextManager[World]], seed: int, seconds: float = 12.0
) -> Outcome:
    """Run one trial. The seed fixes the faults, not the timing of processes on a busy machine."""
    with tempfile.TemporaryDirectory(prefix="orak-chaos-") as folder, start_world(Path(folder)) as world:
        await _until_ready(world.apis)
        history, stop = History(), asyncio.Event()
        async with asyncio.TaskGroup() as clients:
            for number in range(1, CLIENTS + 1):
                client = ChaosClient(number, world.apis, history, seed, overwrites=world.clients_overwrite)
                clients.create_task(client.run_until(stop))
            await Nemesis(world, history, seed, seconds / 3).run(seconds)
            stop.set()
            healed = time.monotonic()
        unfinished = await _until_zero(lambda: count_unfinished(world), healed + RECOVERY_SECONDS)
        recovery = time.monotonic() - healed
        await _until_zero(lambda: len(find_strays(world)), time.monotonic() + _SETTLING_SECONDS)
        verdict = await asyncio.to_thread(judge, world, history)
        history.surprises += filter(None, map(world.trace, history.failed_requests))
        if world.has_links:  # killed processes on a busy machine may exceed the limit
            history.surprises += history.slow
        outcome = Outcome(seed, verdict, history, recovery, unfinished)
        if not outcome.passed:
            outcome.logs = Path(tempfile.gettempdir(), f"orak-chaos-{seed}.log")
            outcome.logs.write_text(world.logs())
        return outcome


async def _until_ready(apis: Sequence[str]) -> None:
    """Wait until every server is ready: connections to one that starts wait, and would count as slow."""
    deadline = time.monotonic() + _READY_SECONDS
    async with httpx.AsyncClient(timeout=_READY_SECONDS) as client:
        for url in apis:
            while time.monotonic() < deadline:
                with suppress(httpx.TransportError):
                    if (await client.get(f"{url}/health/ready")).is_success:
                        break
                await asyncio.sleep(0.2)  # another process cannot set an event


async def _until_zero(count: Callable[[], int], deadline: float) -> int:
    while (left := await asyncio.to_thread(count)) and time.monotonic() < deadline:
        await asyncio.sleep(0.2)  # another process cannot set an event
    return left
