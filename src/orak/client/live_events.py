"""Live events of the caller's records, for both clients.

They are server-sent events (WHATWG HTML §9.2).
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Literal, TypeAlias

import httpx
import msgspec
from msgspec.structs import replace

from orak.client.answers import Answer, Record
from orak.client.errors import Unreachable, UnreadableAnswer, api_error

PATH = "/records/async/events"

STREAM_TIMEOUT = httpx.Timeout(7.0)
"""Seconds of silence after which a stream is dead: the server sends a keep-alive every 5."""

MIN_STREAMED_WAIT = 10.0
"""Seconds. A shorter wait polls instead, because a stream may be silent for that long."""

_MAX_OUTAGE = 60.0
"""Seconds without a stream after which `events` gives up."""

_RETRIED_STATUSES = frozenset({429, 502, 503, 504})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0

OnRecord: TypeAlias = Callable[[Record], None]
"""Called with the record each time it has changed."""


class Event(Answer, frozen=True):
    """A change or a progress report of one of the caller's records."""

    event_id: int
    """Id of the change; a progress report repeats the id of the last one."""
    record_id: int
    upload_id: int
    processing_status: Literal["COMPLETED", "PROCESSING", "FAILED"]
    progress: int
    at: datetime
    deleted: bool = False
    is_change: bool = False
    """Whether `events(after=event_id)` can resume after this event. Progress reports may be missed."""


class EventParser:
    """Parser of one stream's lines."""

    def __init__(self, last_id: int | None) -> None:
        self.last_id = last_id
        self._data: list[str] = []
        self._has_id = False

    def feed(self, line: str) -> Event | None:
        """Return the event that *line* completes, or None.

        Raise `UnreadableAnswer` if it cannot be read.
        """
        if line:
            self._add_field(line)
            return None
        data, has_id = "\n".join(self._data), self._has_id
        self._data, self._has_id = [], False
        if not data:
            return None
        try:
            return replace(msgspec.json.decode(data, type=Event), is_change=has_id)
        except msgspec.DecodeError as error:
            raise UnreadableAnswer(f"the event stream is not from orak: {error}") from error

    def _add_field(self, line: str) -> None:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "id" and value.isdecimal():
            self.last_id, self._has_id = int(value), True


class ResumableStream:
    """A sequence of streams, each beginning after the last event of the one before."""

    def __init__(self, after: int | None) -> None:
        self._last_id = after
        self._down_since: float | None = None
        self._pause = _FIRST_PAUSE

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the next request."""
        return {} if self._last_id is None else {"Last-Event-ID": str(self._last_id)}

    def open(self, response: httpx.Response) -> EventParser | None:
        """Return the parser of *response*; None if the request should be sent again.

        Raise `OrakApiError` for any other error response; its body must have been read.
        """
        if response.status_code == httpx.codes.OK:
            self._down_since, self._pause = None, _FIRST_PAUSE
            return EventParser(self._last_id)
        if response.status_code not in _RETRIED_STATUSES:
            raise api_error(response)
        return None

    def close(self, parser: EventParser | None) -> float:
        """Record where a stream ended; return the seconds to wait before the next request.

        Raise `Unreachable` if there has been no stream for too long.
        """
        if parser is not None:
            self._last_id = parser.last_id
        now = time.monotonic()
        self._down_since = now if self._down_since is None else self._down_since
        if now - self._down_since > _MAX_OUTAGE:
            raise Unreachable(f"no event stream for {_MAX_OUTAGE:g} s")
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        return pause


class RecordWatch:
    """The wait for one record's conversion, driven by a stream."""

    def __init__(self, record_id: int, on_progress: OnRecord | None) -> None:
        self.record_id = record_id
        self._on_progress = on_progress
        self._parser = EventParser(None)
        self._has_begun = False
        self.record: Record | None = None

    def needs_read(self, line: str) -> bool:
        """Whether the record must be read again after this line of the stream."""
        event = self._parser.feed(line)
        if not self._has_begun and self._parser.last_id is not None and not line:
            self._has_begun = True  # the stream does not report what happened before it began
            return True
        if event is None or event.record_id != self.record_id:
            return False
        if not event.is_change and self.record is not None:
            self._report(replace(self.record, progress=event.progress))
        return event.is_change

    def update(self, record: Record) -> bool:
        """Store and report the present record; return whether its conversion has ended."""
        self.record = record
        self._report(record)
        return record.is_settled

    def _report(self, record: Record) -> None:
        if self._on_progress is not None:
            self._on_progress(record)
