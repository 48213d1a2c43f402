"""What the singers tried, and what they were told."""

from dataclasses import dataclass, field


@dataclass
class Take:
    """One take that a singer tries to bring in, under one Idempotency-Key for each call."""

    title: str
    seconds: float
    upload_id: int | None = None
    record_id: int | None = None
    """Set by a 2xx: from then on it must not be lost."""
    contents: dict[str, float] = field(default_factory=dict)
    """By its MD5, how long each of the contents is that were sent to its URL."""
    delete_tried: bool = False
    delete_acknowledged: bool = False


@dataclass
class History:
    """Of one trial."""

    takes: list[Take] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    """Answers that no client should ever get."""
    requests: int = 0
    longest_seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def acknowledged(self) -> list[Take]:
        return [take for take in self.takes if take.record_id is not None]
