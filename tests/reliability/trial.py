"""One trial: singers sing while a nemesis rages; then all must come to an end, and to the right one."""

import asyncio
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from reliability.checker import Verdict, judge, still_moving, strays
from reliability.history import History
from reliability.nemesis import Nemesis
from reliability.singers import Singer
from reliability.world import World

RECOVERY_SECONDS = 60
_SETTLING_SECONDS = 20
SINGERS = 20


@dataclass
class Outcome:
    """What a trial came to."""

    seed: int
    verdict: Verdict
    history: History
    recovery_seconds: float
    """From when everything ran again until the last take had come to its end."""
    moving: int
    """Takes that had come to none by then."""
    logs: Path | None = None
    """Where those of a bad trial are kept."""

    @property
    def is_good(self) -> bool:
        return not (self.verdict.wrong or self.history.surprises or self.moving)

    def __str__(self) -> str:
        v, h = self.verdict, self.history
        return (
            f"seed {self.seed}: {'ok' if self.is_good else 'WRONG'}  faults {len(h.faults)}  "
            f"acknowledged {v.acknowledged}  lost {len(v.lost)}  doubled {len(v.doubled)}  "
            f"deleted {v.deleted}  replaced {v.replaced}  resurrected {len(v.resurrected)}  "
            f"failed {v.failed}  attempts {v.attempts}  recovery {self.recovery_seconds:.1f} s  "
            f"longest request {h.longest_seconds:.1f} s"
        )


async def run_trial(
    world_in: Callable[[Path], AbstractContextManager[World]], seed: int, seconds: float = 12.0
) -> Outcome:
    """Run one, which another with the same seed resembles as far as processes on a busy machine can."""
    with tempfile.TemporaryDirectory(prefix="orak-chaos-") as folder, world_in(Path(folder)) as world:
        history, stop = History(), asyncio.Event()
        async with asyncio.TaskGroup() as singing:
            for number in range(1, SINGERS + 1):
                singer = Singer(number, world.apis, history, seed, meddles=world.has_meddlers)
                singing.create_task(singer.sing_until(stop))
            await Nemesis(world, history, seed, seconds / 3).rage(seconds)
            stop.set()
            mended = time.monotonic()
        moving = await _until_nothing(lambda: still_moving(world), mended + RECOVERY_SECONDS)
        recovery = time.monotonic() - mended
        await _until_nothing(lambda: len(strays(world)), time.monotonic() + _SETTLING_SECONDS)
        verdict = await asyncio.to_thread(judge, world, history)
        history.surprises += filter(None, map(world.trace, history.failed_requests))
        if world.has_links:  # where everything is killed on a busy machine is another matter
            history.surprises += history.slow
        outcome = Outcome(seed, verdict, history, recovery, moving)
        if not outcome.is_good:
            outcome.logs = Path(tempfile.gettempdir(), f"orak-chaos-{seed}.log")
            outcome.logs.write_text(world.logs())
        return outcome


async def _until_nothing(count: Callable[[], int], deadline: float) -> int:
    while (left := await asyncio.to_thread(count)) and time.monotonic() < deadline:
        await asyncio.sleep(0.2)  # other processes set no event
    return left
