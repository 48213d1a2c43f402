"""What the clients of a trial tried, and which answers they received."""

from dataclasses import dataclass, field

MAX_REQUEST_SECONDS = 15
"""No request may take longer, whatever the network does."""


@dataclass
class ClientRecord:
    """One record that a client tries to create, with one Idempotency-Key for each call."""

    title: str
    seconds: float
    """Duration of the audio that the client uploads."""
    upload_id: int | None = None
    record_id: int | None = None
    """Set by a 2xx answer. From then on the record must not be lost."""
    contents: dict[str, float] = field(default_factory=dict)
    """The MD5 and the duration in seconds of every content sent to the upload's URL."""
    delete_tried: bool = False
    delete_acknowledged: bool = False


@dataclass
class History:
    """The history of one trial."""

    records: list[ClientRecord] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    """Answers that no client should ever receive."""
    failed_requests: list[str] = field(default_factory=list)
    """Ids of the requests that orak answered with an internal error."""
    requests: int = 0
    longest_seconds: float = 0.0
    slow: list[str] = field(default_factory=list)
    """Requests that took longer than `MAX_REQUEST_SECONDS`."""
    faults: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)
    """The tokens of the clients, and the signatures that they got. No log may hold one."""

    def note_duration(self, request: str, seconds: float) -> None:
        """Note how long a client waited for orak, with or without an answer."""
        self.longest_seconds = max(self.longest_seconds, seconds)
        if seconds > MAX_REQUEST_SECONDS:
            self.slow.append(f"{request} took {seconds:.1f} s")

    @property
    def acknowledged(self) -> list[ClientRecord]:
        return [record for record in self.records if record.record_id is not None]
