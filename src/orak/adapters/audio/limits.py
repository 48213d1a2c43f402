"""The resources that one conversion may use."""

import math

import msgspec

MEBIBYTE = 1024 * 1024

MAX_TREATMENTS = 6
"""How many times a source may be measured: each finding, such as a DC offset, repeats the measurement."""

MAX_REHEARSALS = 4
"""How many times a setting of gain and limiter may be measured without encoding."""

MAX_ENCODINGS = 8
"""How many encodings one recording may take: the last two are there to keep the true peak at any price."""

MAX_PASSES = MAX_TREATMENTS + 1 + MAX_REHEARSALS + 3 * MAX_ENCODINGS
"""How many times audio may be read: to measure it, to find its true peak, and for each encoding once from the
source and at most twice from its file."""

MAX_WEIGHT = 4.0
"""Eight channels. More cost more to decode, but no more to encode."""


def weight(channels: int, sample_rate: int) -> float:
    """Return how many seconds of stereo at 48 kHz one second of such audio counts for."""
    return min(MAX_WEIGHT, max(1.0, channels * sample_rate / 96_000))


class ConversionLimits(msgspec.Struct, frozen=True):
    """Bounds on memory, time and disk.

    The process of a conversion that exceeds one is killed. *Work* is the audio decoded so far, in all passes
    together, in seconds of stereo (see `weight`).
    """

    memory_bytes: int = 1024 * MEBIBYTE
    """Address space, including the decoder's libraries."""

    cpu_seconds: int = 10
    cpu_seconds_per_work_second: float = 0.1
    """CPU time: `cpu_seconds` at the start, and this much more for each second of work."""

    slowness: float = 1.0
    """By what CPU time is multiplied on this machine (see `machine`)."""

    wall_seconds: int = 60
    wall_seconds_per_cpu_second: float = 4
    """Wall clock: catches a stalled process, and leaves a busy machine enough time."""

    output_bytes: int = MEBIBYTE
    output_bytes_per_second: int = 48_000
    """Size of each written file: twice the highest bit rate (192 kb/s), and room for headers."""

    kept_sample_bytes: int = 256 * MEBIBYTE
    """Size of the file that keeps the decoded samples for further passes: 11 minutes of stereo. The sources
    of longer recordings are decoded again."""

    open_files: int = 32

    def cpu_after(self, work: float) -> int:
        """Return the CPU seconds allowed after this much work."""
        return math.ceil(self.slowness * (self.cpu_seconds + self.cpu_seconds_per_work_second * work))

    def wall_clock(self, work: float, max_duration_seconds: float) -> float:
        """Return the seconds that may pass until there is more than this much work.

        A process that reports more work than there can be gets no more time for it.
        """
        work = min(work, most_work(max_duration_seconds))
        return self.wall_seconds + self.wall_seconds_per_cpu_second * self.cpu_after(work)

    def file_size(self, max_duration_seconds: float) -> int:
        """Return the largest size in bytes of a file for the longest allowed recording."""
        return self.output_bytes + math.ceil(self.output_bytes_per_second * max_duration_seconds)


def most_work(max_duration_seconds: float) -> float:
    """Return the most work that the longest allowed recording can be."""
    return MAX_PASSES * MAX_WEIGHT * max_duration_seconds
