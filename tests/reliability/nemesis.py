"""Injects faults at random, repeatably for a given seed."""

import asyncio
import random

from reliability.history import History
from reliability.processes import OrakProcess
from reliability.world import LEASE_SECONDS, World


class Nemesis:
    """Kills, freezes, flushes and disconnects parts of a world, and restores all of them at the end."""

    def __init__(self, world: World, history: History, seed: int, max_fault_seconds: float) -> None:
        """Set up the nemesis. No network fault lasts longer than *max_fault_seconds*."""
        self._world = world
        self._history = history
        self._random = random.Random(seed)
        self._max_fault_seconds = max_fault_seconds
        # A world of one process needs longer pauses, or it would never get work done between two faults.
        self._pause = 1.5 if len(world.parts) > 1 else 4.0

    async def run(self, seconds: float) -> None:
        """Inject a fault every few seconds; return when everything runs again."""
        async with asyncio.timeout(seconds + 60), asyncio.TaskGroup() as faults:
            deadline = asyncio.get_running_loop().time() + seconds
            while asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(self._pause * self._random.uniform(0.4, 1.4))
                faults.create_task(self._inject_fault())

    async def _inject_fault(self) -> None:
        await (self._disturb_a_link() if self._world.has_links else self._disturb_a_part())

    async def _disturb_a_link(self) -> None:
        if not self._world.links:  # every link has a fault already
            return
        name = self._random.choice(sorted(self._world.links))
        link = self._world.links.pop(name)
        fault, seconds = self._random.choice(link.faults), self._random.uniform(0.5, self._max_fault_seconds)
        self._note(f"{name} {fault} for {seconds:.1f} s")
        await link.inject(fault, seconds, self._random.random())
        self._world.links[name] = link

    async def _disturb_a_part(self) -> None:
        if not self._world.parts:  # every part is down already
            return
        name = self._random.choice(sorted(self._world.parts))
        part = self._world.parts[name]
        down_seconds = self._random.uniform(0, 2.0)
        if hasattr(part, "flush") and self._random.random() < 0.5:
            self._note(f"{name} flushed")
            await asyncio.to_thread(part.flush)
        elif name in self._world.workers and self._random.random() < 0.3:
            await self._freeze(name, self._world.workers[name])
        else:
            await self._kill(name, down_seconds)

    async def _kill(self, name: str, down_seconds: float) -> None:
        part = self._world.parts.pop(name)  # no other fault hits it until it is back
        self._note(f"{name} killed, down for {down_seconds:.1f} s")
        self._world.kills += 1
        await asyncio.to_thread(part.kill)
        await asyncio.sleep(down_seconds)
        await asyncio.to_thread(part.start)
        self._world.parts[name] = part

    async def _freeze(self, name: str, worker: OrakProcess) -> None:
        self._world.parts.pop(name)
        self._note(f"{name} frozen for three leases")
        worker.freeze()
        await asyncio.sleep(3 * LEASE_SECONDS)
        worker.thaw()
        self._world.parts[name] = worker

    def _note(self, fault: str) -> None:
        self._history.faults.append(fault)
