"""What the singers tried, and what they were told."""

from dataclasses import dataclass, field

LONGEST_REQUEST_SECONDS = 15


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
    failed_requests: list[str] = field(default_factory=list)
    """The ids of those that were orak's fault."""
    requests: int = 0
    longest_seconds: float = 0.0
    slow: list[str] = field(default_factory=list)
    """Requests that took longer than any may, however a network behaves."""
    faults: list[str] = field(default_factory=list)

    def took(self, request: str, seconds: float) -> None:
        """Note how long an answer of orak's, or the lack of one, was waited for."""
        self.longest_seconds = max(self.longest_seconds, seconds)
        if seconds > LONGEST_REQUEST_SECONDS:
            self.slow.append(f"{request} took {seconds:.1f} s")

    @property
    def acknowledged(self) -> list[Take]:
        return [take for take in self.takes if take.record_id is not None]
