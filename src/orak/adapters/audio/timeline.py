"""The timeline of a recording: where each decoded frame belongs."""

import math
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from av.audio.frame import AudioFrame

from orak.adapters.audio.downmix import Mix

_JITTER_SECONDS = 0.015
"""Timestamps deviate this much without meaning anything: browsers stamp packets when they receive sound, and
Matroska rounds to 1 ms. Anything larger is a gap: the shortest common packet lasts 20 ms."""

_WITNESSES = 8
"""A step of the timestamps counts only if this many following frames agree with it. Ogg and jittery clocks
have single frames with a wrong timestamp."""

_RESTART_SECONDS = 1.0
"""Timestamps that return to the first second of a stream begin a second recording, joined to the first."""

_LONGEST_REPEAT_SECONDS = 10.0
"""Timestamps that return this far, to wherever, begin a second recording too. A shorter return repeats what
was heard: a recorder's last chunk was appended twice."""


class Clock(msgspec.Struct, frozen=True, eq=False):
    """What the timestamps of one recording mean."""

    stamped: bool
    """Whether the container has timestamps. Without, frames follow each other."""

    starts_at_zero: bool
    """Whether sound that starts later than 0 is preceded by silence. Otherwise the recording begins with
    its first sample."""

    declared_end: float = math.inf
    """The last timestamp by the container's header, or infinity if unknown. Timestamps beyond it are wrong,
    and cause no gap."""


class Decoded(NamedTuple):
    """A decoded frame and how to read it."""

    frame: AudioFrame
    mix: Mix
    clock: Clock
    """Another clock than that of the frame before begins another recording."""

    @property
    def seconds(self) -> float:
        """How long the frame lasts."""
        return self.frame.samples / self.frame.sample_rate

    @property
    def time(self) -> float | None:
        """The timestamp in seconds; None without one."""
        return self.frame.time if self.clock.stamped else None


class Placed(NamedTuple):
    """A decoded frame and its place on the timeline."""

    decoded: Decoded
    start: float
    """Where the frame begins, in seconds since the first recording began."""

    skipped: float = 0.0
    """Seconds at the beginning of the frame that were heard already."""

    follows: bool = True
    """Whether it continues the frame before it: no silence between them, and nothing skipped."""


class Timeline:
    """Places frames by their timestamps, as players do.

    A step forward is a gap: packets were dropped, silent packets were never sent, or capture stalled. It
    lasts as long as the timestamps say. A step back joins two recordings, or repeats what was heard.
    Timestamps that do not advance with the sound are ignored; the frames then follow each other.

    Attributes:
        seconds: The end of the frame placed last.
    """

    def __init__(self, max_seconds: float) -> None:
        """Create the timeline of one decoding pass.

        A first timestamp beyond *max_seconds*, the maximum duration, is not a pause before the sound. It
        counts from the start of a broadcast.
        """
        self._max_seconds = max_seconds
        self._clock: Clock | None = None
        self._first = 0.0
        self._origin = 0.0  # the timestamp of second 0
        self._declared_end = math.inf
        self.seconds = 0.0

    def place(self, frames: Iterator[Decoded]) -> Iterator[Placed]:
        """Yield the frames with their places; leave out those that were heard already."""
        window: deque[Decoded] = deque()
        for frame in frames:
            window.append(frame)
            if len(window) > _WITNESSES:
                yield from self._place_first(window)
        while window:
            yield from self._place_first(window)

    def _place_first(self, window: deque[Decoded]) -> Iterator[Placed]:
        decoded = window.popleft()
        step = self._step(decoded, window)
        if -step >= decoded.seconds:
            return
        start = self.seconds + max(step, 0.0)
        skipped = max(-step, 0.0)
        self.seconds = start + decoded.seconds - skipped
        yield Placed(decoded, start, skipped, follows=step == 0.0)

    def _step(self, decoded: Decoded, following: deque[Decoded]) -> float:
        """Return the seconds of silence before *decoded*, or, negative, how much of it was heard already."""
        time = decoded.time
        if time is None:
            return 0.0
        if decoded.clock is not self._clock:
            self._start_clock(decoded.clock, time)
        step = time - self._origin - self.seconds
        if abs(step) <= _JITTER_SECONDS or not self._is_confirmed(step, decoded, following):
            return 0.0
        restarts = step < 0 and (self._is_a_start(time) or step < -_LONGEST_REPEAT_SECONDS)
        if restarts:
            self._declared_end = math.inf  # declared for the first recording only
        if restarts or time > self._declared_end:
            self._origin += step
            return 0.0
        return step

    def _start_clock(self, clock: Clock, time: float) -> None:
        """Begin a recording with the timestamp *time*.

        A later recording may continue the timestamps of the one before, if both come from one broadcast.
        """
        continues = self._clock is not None and time - self._origin >= self.seconds - _JITTER_SECONDS
        self._clock, self._declared_end = clock, clock.declared_end
        if clock.starts_at_zero and continues:
            return
        self._first = time
        counts_from_zero = clock.starts_at_zero and 0 <= time <= self._max_seconds
        self._origin = (0.0 if counts_from_zero else time) - self.seconds

    def _is_confirmed(self, step: float, decoded: Decoded, following: deque[Decoded]) -> bool:
        """Return whether the frames after a step go on from there.

        They must neither return to where the clock was nor fall behind the step.
        """
        position = self.seconds + decoded.seconds
        for other in following:
            if other.clock is not decoded.clock:
                return True
            if other.time is not None:
                distance = other.time - self._origin - position
                if abs(distance) <= _JITTER_SECONDS:
                    return False
                if distance < step - _JITTER_SECONDS:
                    return self._is_a_start(other.time)  # another recording starts before all could agree
            position += other.seconds
        return True

    def _is_a_start(self, time: float) -> bool:
        return time < self._first + _RESTART_SECONDS
