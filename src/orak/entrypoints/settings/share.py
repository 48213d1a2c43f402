"""The part of the machine that one of several processes may use."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """The place of a process among *processes* that divide the conversions of a machine between them."""

    index: int
    processes: int

    def of(self, total: int) -> int:
        """Return the part of *total* for this process: at least 1, unless *total* is 0."""
        return max(min(total, 1), total // self.processes + (self.index < total % self.processes))


WHOLE = Share(0, 1)
"""The share of a process that has the machine to itself."""
