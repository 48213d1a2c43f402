from typing import Protocol


class Measurements(Protocol):
    """Counters and histograms of what this process does.

    `metrics.py` lists their names, labels and buckets. The calls do no I/O, take about a microsecond, never
    raise, and belong to the thread of the event loop. A name or a set of labels that the list lacks is logged
    once and ignored.
    """

    def count(self, name: str, amount: float = 1, /, **labels: str) -> None:
        """Add *amount* to a counter. Every label of the counter must be given."""
        ...

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Add *value*, in the unit of the name, to a histogram. Every label of it must be given."""
        ...
