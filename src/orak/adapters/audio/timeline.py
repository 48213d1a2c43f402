"""The clock of a recording: where each decoded frame belongs."""

import math
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from av.audio.frame import AudioFrame

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


class Placed(NamedTuple):
    """A decoded frame and its place on the clock."""

    frame: AudioFrame
    start: float
    """Where the frame begins, in seconds since the recording began."""

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

    def __init__(
        self, *, stamped: bool, starts_at_zero: bool, declared_end: float, max_seconds: float
    ) -> None:
        """Create the clock of one decoding pass.

        Args:
            stamped: The container has timestamps. Without, frames follow each other.
            starts_at_zero: Sound that starts later than 0 is preceded by silence. Otherwise the recording
                begins with its first sample.
            declared_end: The last timestamp by the container's header, or infinity if unknown. Timestamps
                beyond it are wrong, and cause no gap.
            max_seconds: The maximum duration. A first timestamp beyond it is not a pause before the sound;
                it counts from the start of a broadcast.
        """
        self._stamped = stamped
        self._starts_at_zero = starts_at_zero
        self._declared_end = declared_end
        self._max_seconds = max_seconds
        self._first: float | None = None
        self._origin = 0.0  # the timestamp of second 0
        self.seconds = 0.0

    def place(self, frames: Iterator[AudioFrame]) -> Iterator[Placed]:
        """Yield the frames with their places; leave out those that were heard already."""
        window: deque[AudioFrame] = deque()
        for frame in frames:
            window.append(frame)
            if len(window) > _WITNESSES:
                yield from self._place_first(window)
        while window:
            yield from self._place_first(window)

    def _place_first(self, window: deque[AudioFrame]) -> Iterator[Placed]:
        frame = window.popleft()
        length = frame.samples / frame.sample_rate
        step = self._step(frame, length, window)
        if -step >= length:
            return
        start = self.seconds + max(step, 0.0)
        skipped = max(-step, 0.0)
        self.seconds = start + length - skipped
        yield Placed(frame, start, skipped, follows=step == 0.0)

    def _step(self, frame: AudioFrame, length: float, following: deque[AudioFrame]) -> float:
        """Return the seconds of silence before *frame*, or, negative, of its overlap with earlier frames."""
        time = frame.time
        if time is None or not self._stamped:
            return 0.0
        if self._first is None:
            self._first = time
            self._origin = 0.0 if self._starts_at_zero and 0 <= time <= self._max_seconds else time
        step = time - self._origin - self.seconds
        if abs(step) <= _JITTER_SECONDS or not self._is_confirmed(step, length, following):
            return 0.0
        restarts = step < 0 and (self._is_a_start(time) or step < -_LONGEST_REPEAT_SECONDS)
        if restarts:
            self._declared_end = math.inf  # declared for the first recording only
        if restarts or time > self._declared_end:
            self._origin += step
            return 0.0
        return step

    def _is_confirmed(self, step: float, length: float, following: deque[AudioFrame]) -> bool:
        """Return whether the frames after a step go on from there.

        They must neither return to where the clock was nor fall behind the step.
        """
        position = self.seconds + length
        for frame in following:
            if frame.time is not None:
                other = frame.time - self._origin - position
                if abs(other) <= _JITTER_SECONDS:
                    return False
                if other < step - _JITTER_SECONDS:
                    return self._is_a_start(frame.time)  # another recording starts before all could agree
            position += frame.samples / frame.sample_rate
        return True

    def _is_a_start(self, time: float) -> bool:
        return time < (self._first or 0.0) + _RESTART_SECONDS
