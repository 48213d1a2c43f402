"""Whoever kills, freezes and empties things, at random but repeatably."""

import asyncio
import random

from reliability.history import History
from reliability.processes import OrakProcess
from reliability.world import LEASE_SECONDS, World


class Nemesis:
    """Does harm for a while, and mends all of it at the end."""

    def __init__(self, world: World, history: History, seed: int, longest: float) -> None:
        """Let no fault of a network last for more than *longest* seconds."""
        self._world = world
        self._history = history
        self._random = random.Random(seed)
        # Where one process is all there is, nothing would ever be done between two faults.
        self._longest = longest
        self._pause = 1.5 if len(world.parts) > 1 else 4.0

    async def rage(self, seconds: float) -> None:
        """Harm something every other second or so; return when all runs again."""
        async with asyncio.timeout(seconds + 60), asyncio.TaskGroup() as mending:
            deadline = asyncio.get_running_loop().time() + seconds
            while asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(self._pause * self._random.uniform(0.4, 1.4))
                mending.create_task(self._harm())

    async def _harm(self) -> None:
        await (self._harm_a_link() if self._world.has_links else self._harm_a_part())

    async def _harm_a_link(self) -> None:
        if not self._world.links:  # all of them are harmed already
            return
        name = self._random.choice(sorted(self._world.links))
        link = self._world.links.pop(name)
        fault, seconds = self._random.choice(link.faults), self._random.uniform(0.5, self._longest)
        self._note(f"{name} {fault} for {seconds:.1f} s")
        await link.harm(fault, seconds, self._random.random())
        self._world.links[name] = link

    async def _harm_a_part(self) -> None:
        if not self._world.parts:  # all of it is down already
            return
        name = self._random.choice(sorted(self._world.parts))
        part = self._world.parts[name]
        away = self._random.uniform(0, 2.0)
        if hasattr(part, "flush") and self._random.random() < 0.5:
            self._note(f"{name} flushed")
            await asyncio.to_thread(part.flush)
        elif name in self._world.workers and self._random.random() < 0.3:
            await self._freeze(name, self._world.workers[name])
        else:
            await self._kill(name, away)

    async def _kill(self, name: str, away: float) -> None:
        part = self._world.parts.pop(name)  # nobody else harms it until it is back
        self._note(f"{name} killed, away for {away:.1f} s")
        await asyncio.to_thread(part.kill)
        await asyncio.sleep(away)
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
