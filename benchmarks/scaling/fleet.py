"""The discrete-event simulation: takes arrive, conversions start in a slot or in a worker, and end."""

import random
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from benchmarks.scaling.traffic import Take

_WORKER = -1
_PRECISION = 100
"""Delays are kept to 1/100 s."""


@dataclass(frozen=True)
class Fleet:
    """The conversions that may run at once."""

    machines: int
    slots: int
    """`IMMEDIATE_SLOTS` of each machine: conversions that a create call starts in its own process."""
    workers: int
    """`BATCH_MAX_CONCURRENT` of each machine: conversions of waiting uploads."""

    @property
    def at_once(self) -> int:
        """Return the most conversions that run at once."""
        return self.machines * (self.slots + self.workers)


@dataclass
class Delays:
    """Seconds from the create call to the start of the conversion."""

    counts: Counter[int] = field(default_factory=Counter)
    immediate: int = 0

    def add(self, seconds: float | None) -> None:
        """Count a take that waited *seconds*, or None: it started at once."""
        self.counts[round((seconds or 0) * _PRECISION)] += 1
        self.immediate += seconds is None

    def __len__(self) -> int:
        return self.counts.total()

    @property
    def mean(self) -> float:
        """Return the mean delay in seconds."""
        return sum(delay * times for delay, times in self.counts.items()) / _PRECISION / max(1, len(self))

    def percentile(self, share: float) -> float:
        """Return the delay in seconds that *share* of the takes did not exceed."""
        left = share * len(self)
        for delay in sorted(self.counts):
            left -= self.counts[delay]
            if left <= 0:
                return delay / _PRECISION
        return 0.0


def run(
    takes: Iterable[Take],
    fleet: Fleet,
    service: Callable[[float], float],
    chance: random.Random,
    *,
    wake_up: float = 0.0,
    noted: Callable[[float, float | None], None],
) -> None:
    """Run *takes*, in the order of their times, until the last conversion has begun.

    A take comes to a random machine. If a slot is free there, it starts at once. Otherwise a wake-up starts
    the take that waits longest, as soon as one of the workers of all machines is free. *service* gives the
    seconds of a conversion for the length of a take, and *wake_up* the seconds that a wake-up takes.
    *noted* is called for each take with its time of arrival, and its delay: None if it started at once.
    """
    busy = [0] * fleet.machines
    free = fleet.machines * fleet.workers
    waiting: deque[Take] = deque()
    ends: list[tuple[float, int]] = []

    def end_until(now: float) -> None:
        nonlocal free
        while ends and ends[0][0] <= now:
            at, where = heappop(ends)
            if where != _WORKER:
                busy[where] -= 1
            elif waiting:
                take = waiting.popleft()
                begins = at + wake_up
                noted(take.at, begins - take.at)
                heappush(ends, (begins + service(take.seconds), _WORKER))
            else:
                free += 1

    for take in takes:
        end_until(take.at)
        machine = chance.randrange(fleet.machines)
        if busy[machine] < fleet.slots:
            busy[machine] += 1
            noted(take.at, None)
            heappush(ends, (take.at + service(take.seconds), machine))
        elif free:
            free -= 1
            noted(take.at, wake_up)
            heappush(ends, (take.at + wake_up + service(take.seconds), _WORKER))
        else:
            waiting.append(take)
    while waiting:
        end_until(ends[0][0])
