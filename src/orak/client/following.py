"""Following one's own records live (server-sent events, WHATWG HTML §9.2), for both clients."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Literal, TypeAlias

import httpx
import msgspec
from msgspec.structs import replace

from orak.client.answers import Answer, Record
from orak.client.errors import Unreachable, UnreadableAnswer, refusal

PATH = "/records/async/events"

QUIET = httpx.Timeout(7.0)
"""Seconds without a word after which a stream is dead: the server says that it lives every 5."""

WORTH_FOLLOWING = 10.0
"""A wait that ends sooner is spent asking: a stream might be silent for as long."""

_PATIENCE = 60.0
"""Seconds for which a server may be away before a follower gives up."""

_COME_AGAIN = frozenset({429, 502, 503, 504})
_LONGEST_PAUSE = 10.0

OnRecord: TypeAlias = Callable[[Record], None]
"""Told of a record each time that it is another."""


class Event(Answer, frozen=True):
    """One step of a record of one's own: a change, or a tick of progress."""

    event_id: int
    """Of the last change; a tick repeats it."""
    record_id: int
    upload_id: int
    processing_status: Literal["COMPLETED", "PROCESSING", "FAILED"]
    progress: int
    at: datetime
    deleted: bool = False
    is_change: bool = False
    """Whether to go on after this one later; a tick may be missed."""


class EventLines:
    """What the lines of one stream say."""

    def __init__(self, last_id: int | None) -> None:
        self.last_id = last_id
        self._data: list[str] = []
        self._has_id = False

    def hear(self, line: str) -> Event | None:
        """Return the event that a line ends. Raise `UnreadableAnswer` for what is none of orak's."""
        if line:
            self._note(line)
            return None
        data, has_id = "\n".join(self._data), self._has_id
        self._data, self._has_id = [], False
        if not data:
            return None
        try:
            return replace(msgspec.json.decode(data, type=Event), is_change=has_id)
        except msgspec.DecodeError as error:
            raise UnreadableAnswer(f"the stream of events says nothing of orak's: {error}") from error

    def _note(self, line: str) -> None:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "id" and value.isdecimal():
            self.last_id, self._has_id = int(value), True


class Following:
    """Connecting again and again, each time where the last stream ended."""

    def __init__(self, after: int | None) -> None:
        self._last_id = after
        self._away_since: float | None = None
        self._pause = 0.5

    @property
    def headers(self) -> dict[str, str]:
        """What the next request says."""
        return {} if self._last_id is None else {"Last-Event-ID": str(self._last_id)}

    def begin(self, response: httpx.Response) -> EventLines | None:
        """Return how to read an answer, None if it is worth asking again.

        Raise `OrakApiError` for a refusal; its body must have been read.
        """
        if response.status_code == httpx.codes.OK:
            self._away_since, self._pause = None, 0.5
            return EventLines(self._last_id)
        if response.status_code not in _COME_AGAIN:
            raise refusal(response)
        return None

    def end(self, lines: EventLines | None) -> float:
        """Take note of where a stream ended; return after how many seconds to ask for the next.

        Raise `Unreachable` if there was none for too long.
        """
        if lines is not None:
            self._last_id = lines.last_id
        now = time.monotonic()
        self._away_since = now if self._away_since is None else self._away_since
        if now - self._away_since > _PATIENCE:
            raise Unreachable("there is no stream of events")
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        return pause


class Watching:
    """Waiting for one record's end with the help of a stream."""

    def __init__(self, record_id: int, on_progress: OnRecord | None) -> None:
        self.record_id = record_id
        self._on_progress = on_progress
        self._lines = EventLines(None)
        self._began = False
        self.record: Record | None = None

    def wants_look(self, line: str) -> bool:
        """Whether, after this line of the stream, the record itself should be looked at."""
        event = self._lines.hear(line)
        if not self._began and self._lines.last_id is not None and not line:
            self._began = True  # whatever happened before now, nobody will tell
            return True
        if event is None or event.record_id != self.record_id:
            return False
        if not event.is_change and self.record is not None:
            self._tell(replace(self.record, progress=event.progress))
        return event.is_change

    def looked(self, record: Record) -> bool:
        """Take note of the record as it is; return whether it is settled."""
        self.record = record
        self._tell(record)
        return record.is_settled

    def _tell(self, record: Record) -> None:
        if self._on_progress is not None:
            self._on_progress(record)
