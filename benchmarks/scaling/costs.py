"""What one take costs: seconds of CPU that were measured here, and calls that the code makes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """Measured by `just simulate --measure`; seconds of CPU on the machine of the measurement."""

    presign: float
    """API process, one request."""
    create: float
    get: float
    list: float
    database: float
    """All PostgreSQL processes, for the statements of one take from presign to COMPLETED, reads left out."""
    database_get: float
    """All PostgreSQL processes, one read of a record."""
    database_list: float
    redis: float
    """The Redis process, for one take that a worker converts."""
    conversion_base: float
    """A conversion, whatever its length."""
    conversion_second: float
    """A conversion, for each second of a voice."""

    def conversion(self, seconds: float) -> float:
        """Return the CPU seconds of the conversion of a take of *seconds*."""
        return self.conversion_base + self.conversion_second * seconds


@dataclass(frozen=True)
class Use:
    """What clients do with a take. Assumed."""

    gets: int = 4
    """Reads of its record, while it is converted and afterwards."""
    lists: int = 3
    """Reads of the list of its owner."""
    bytes_per_second: float = 16_000
    """Of what is uploaded, and of what is published: 128 kb/s."""


@dataclass(frozen=True)
class StoreCalls:
    """Calls of S3 for one take, as `ARCHITECTURE.md` walks through them."""

    writes: int = 3
    """The client's PUT, and two of orak: audio and waveform."""
    reads: int = 3
    """HEAD by the create call, GET by the conversion, and one GET by the CDN."""


@dataclass(frozen=True)
class Prices:
    """Assumptions, in US dollars. Replace them by your own."""

    core_hour: float = 0.04
    gigabyte_month: float = 0.023
    thousand_writes: float = 0.005
    thousand_reads: float = 0.0004
    months_kept: int = 12
    """How long a take is stored, original and rendition."""


@dataclass(frozen=True)
class Limits:
    """What a part can take. S3: 3,500 writes and 5,500 reads a second for each prefix (AWS documentation)."""

    store_writes: float = 3500
    store_reads: float = 5500
    redis_cores: float = 1.0
    """Redis runs commands on one core."""
