"""A day of a karaoke app: how many takes arrive when, and how long they are. All of it is assumed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

_BY_HOUR = (
    *(3.1, 1.9, 1.1, 0.7, 0.5, 0.5, 0.8, 1.2, 1.6, 2.0, 2.4, 2.9),
    *(3.5, 3.6, 3.6, 3.9, 4.4, 5.2, 6.6, 8.3, 9.9, 10.6, 9.4, 6.3),
)
"""Share of the day's takes at the full hour, in per cent before it is scaled: most people sing at 21 h."""

_TOTAL = sum(_BY_HOUR)
_MINUTES = 24 * 60


@dataclass(frozen=True)
class Takes:
    """Lengths of takes: people give up early, or sing to the end."""

    given_up: float = 0.3
    """Share of takes that end early."""
    seconds_until_given_up: float = 30.0
    """Mean; exponential."""
    song_seconds: float = 210.0
    """Mean of the others; normal."""
    song_deviation: float = 40.0
    shortest: float = 5.0
    longest: float = 600.0

    def seconds(self, chance: random.Random) -> float:
        """Return the length of one take."""
        if chance.random() < self.given_up:
            drawn = chance.expovariate(1 / self.seconds_until_given_up)
        else:
            drawn = chance.gauss(self.song_seconds, self.song_deviation)
        return min(max(drawn, self.shortest), self.longest)

    def mean(self) -> float:
        """Return the mean length in seconds, of 20,000 takes drawn with a fixed seed."""
        chance = random.Random(0)
        return sum(self.seconds(chance) for _ in range(20_000)) / 20_000


def share_of_minute(minute: int) -> float:
    """Return the share of a day's takes in *minute* (0 to 1439), linear between full hours."""
    hour, past = divmod(minute, 60)
    before, after = _BY_HOUR[hour], _BY_HOUR[(hour + 1) % 24]
    return (before + (after - before) * past / 60) / _TOTAL / 60


BUSIEST_MINUTE = max(range(_MINUTES), key=share_of_minute)
BUSIEST_HOUR = max(
    range(_MINUTES - 59), key=lambda start: sum(map(share_of_minute, range(start, start + 60)))
)
"""The minute at which the sixty busiest minutes begin."""


@dataclass(frozen=True, slots=True)
class Take:
    """One take that arrives for conversion."""

    at: float
    """Seconds since midnight."""
    seconds: float
    """Its length."""


def arrivals(a_day: float, takes: Takes, chance: random.Random, *, hours: tuple[int, int]) -> Iterator[Take]:
    """Yield the takes between two *hours* of a day with *a_day* of them: a Poisson process."""
    for minute in range(hours[0] * 60, hours[1] * 60):
        number = _poisson(a_day * share_of_minute(minute), chance)
        for at in sorted(chance.uniform(minute * 60, minute * 60 + 60) for _ in range(number)):
            yield Take(at, takes.seconds(chance))


def _poisson(mean: float, chance: random.Random) -> int:
    """Return a Poisson number; above 50, the normal distribution is close enough."""
    if mean > 50:
        return max(0, round(chance.gauss(mean, mean**0.5)))
    number, at = 0, chance.expovariate(1.0)
    while at < mean:
        number, at = number + 1, at + chance.expovariate(1.0)
    return number
