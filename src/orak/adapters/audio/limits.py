"""The resources that one conversion may use."""

import math

import msgspec

MEBIBYTE = 1024 * 1024


class ConversionLimits(msgspec.Struct, frozen=True):
    """Bounds on memory, time and disk.

    The process of a conversion that exceeds one is killed.
    """

    memory_bytes: int = 1024 * MEBIBYTE
    """Address space, including the decoder's libraries."""

    cpu_seconds: int = 10
    cpu_seconds_per_decoded_second: float = 0.1
    """CPU time: `cpu_seconds` at the start, and this much more for each second of decoded audio."""

    wall_seconds: int = 60
    wall_seconds_per_cpu_second: float = 4
    """Wall clock: catches a stalled process, and leaves a busy machine enough time."""

    output_bytes: int = MEBIBYTE
    output_bytes_per_second: int = 48_000
    """Size of each written file: twice the highest bit rate (192 kb/s), and room for headers."""

    open_files: int = 32

    def cpu_after(self, decoded_seconds: float) -> int:
        """Return the CPU seconds allowed once this much audio is decoded."""
        return self.cpu_seconds + math.ceil(self.cpu_seconds_per_decoded_second * decoded_seconds)

    def wall_clock(self, max_duration_seconds: float) -> float:
        """Return the seconds that converting the longest allowed recording may take."""
        return self.wall_seconds + self.wall_seconds_per_cpu_second * self.cpu_after(max_duration_seconds)

    def file_size(self, max_duration_seconds: float) -> int:
        """Return the largest size in bytes of a file for the longest allowed recording."""
        return self.output_bytes + math.ceil(self.output_bytes_per_second * max_duration_seconds)
