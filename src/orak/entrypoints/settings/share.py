"""The part of the machine that one of several processes may use."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """Which of the *processes* that divide the conversions of a machine between them a process is."""

    index: int
    processes: int

    def of(self, total: int) -> int:
        """Return the part of *total* for this process, maybe 0. The parts of all processes add up to it."""
        return total // self.processes + (self.index < total % self.processes)

    def at_least_one_of(self, total: int) -> int:
        """Return the part of *total* for this process: at least 1, unless *total* is 0."""
        return max(min(total, 1), self.of(total))


WHOLE = Share(0, 1)
"""The share of a process that has the machine to itself."""
