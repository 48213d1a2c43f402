"""The two sources of background conversions: wake-ups, and the batch."""

import asyncio
from datetime import datetime
from typing import Protocol

from orak.application.ports.batch_log import BatchReport
from orak.domain.processing import ProcessingStatus, Start
from orak.domain.upload import Upload


class Source(Protocol):
    """What asks the pool to start conversions."""

    start: Start
    """What its conversions are counted as."""

    @property
    def left(self) -> int:
        """How many conversions may start now."""
        ...

    def begin(self) -> int:
        """Note that one conversion begins with its claim; return a number for it."""
        ...

    def give_back(self) -> None:
        """Note that a claim could not be tried; it counts as not begun."""
        ...

    def end(self, number: int, upload: Upload | None) -> None:
        """Note how a conversion left its upload; None if nothing was waiting."""
        ...

    def break_off(self) -> None:
        """Note that a conversion failed to run, or was stopped by the shutdown."""
        ...


class WakeUps:
    """Wake-ups that wait for room: each starts one upload."""

    start = Start.WAKE_UP

    def __init__(self) -> None:
        self._sent = 0
        self._served = 0

    @property
    def left(self) -> int:
        """How many wake-ups wait."""
        return self._sent - self._served

    def add(self) -> None:
        """Add a wake-up."""
        self._sent += 1

    def begin(self) -> int:
        """Serve one wake-up; return how many were sent by now."""
        self._served += 1
        return self._sent

    def give_back(self) -> None:
        """Serve a wake-up again."""
        self._served -= 1

    def end(self, number: int, upload: Upload | None) -> None:
        """Drop the wake-ups that came before a claim which found nothing: their uploads have started.

        A later one may be about an upload that the claim did not see.
        """
        if upload is None:
            self._served = max(self._served, number)

    def break_off(self) -> None:
        """Do nothing: the row decides what happens to its upload."""


class Batch:
    """One batch: up to *size* conversions, and what became of them."""

    start = Start.BATCH

    def __init__(self, size: int, began: datetime) -> None:
        self.left = size
        self._size = size
        self._began = began
        self._may_start = True
        self._running = 0
        self._started = 0
        self._statuses: list[ProcessingStatus] = []
        self.ended = asyncio.Event()
        """Set once no conversion of the batch runs and none will start."""

    def begin(self) -> int:
        """Use up one conversion."""
        self.left -= 1
        self._running += 1
        return 0

    def give_back(self) -> None:
        """Have one conversion more again, unless the batch starts no more."""
        self.left += self._may_start
        self._stop_running()

    def end(self, number: int, upload: Upload | None) -> None:  # noqa: ARG002 - the signature of a source
        """Count the conversion. If nothing was waiting, start no more."""
        if upload is None:
            self.start_no_more()
        else:
            self._started += 1
            self._statuses.append(upload.status)
        self._stop_running()

    def break_off(self) -> None:
        """Count a conversion that was started and has no result."""
        self._started += 1
        self._stop_running()

    def start_no_more(self) -> None:
        """End the batch as soon as its conversions end."""
        self._may_start = False
        self.left = 0
        self._end_if_over()

    def report(self, at: datetime) -> BatchReport:
        """Return what became of the batch, which ended *at* this time."""
        return BatchReport(
            started=self._started,
            completed=self._statuses.count(ProcessingStatus.COMPLETED),
            failed=self._statuses.count(ProcessingStatus.FAILED),
            seconds=(at - self._began).total_seconds(),
            is_full=self._started >= self._size,
        )

    def _stop_running(self) -> None:
        self._running -= 1
        self._end_if_over()

    def _end_if_over(self) -> None:
        if not self.left and not self._running:
            self.ended.set()
