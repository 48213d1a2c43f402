"""The log on standard error: one line for each message, as JSON or as text for a terminal."""

import asyncio
import logging
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal, TextIO

import msgspec

from orak.application.origins import current_origin
from orak.entrypoints.settings.redaction import redacted

LogFormat = Literal["text", "json"]

FIELDS = frozenset(
    {
        "event",
        "requestId",
        "traceId",
        "userId",
        "uploadId",
        "recordId",
        "attempt",
        "outcome",
        "code",
        "reason",
        "durationMs",
        # of a request
        "method",
        "path",
        "status",
        # of a conversion
        "start",
        "queueMs",
        "downloadMs",
        "convertMs",
        "publishMs",
        "mediaSeconds",
        # of batches, sweeps, relays and webhooks
        "size",
        "started",
        "completed",
        "failed",
        "putBack",
        "isFull",
        "leasesLost",
        "received",
        "expired",
        "orphansRemoved",
        "purged",
        "removed",
        "subscriber",
        "endpointId",
        "eventId",
        "eventType",
        "position",
        # of a part of orak, or of what it depends on
        "part",
        "retrySeconds",
        "url",
        "version",
        "processes",
        "pid",
    }
)
"""The fields that a line may have; docs/guides/logs.md describes them.

A call passes them in `extra`. What libraries pass there may hold anything, so other names are ignored.
"""

_OTHER = "other"
"""The event of a line that names none, such as a line of a library."""

_FREE_TEXTS = frozenset({"path", "reason", "url"})
"""Fields that may hold more than ids, numbers and words of orak."""

_IN_MESSAGES = frozenset({"event", "status"})
"""Fields that a line of text leaves out: its message says the same in words."""

_encode = msgspec.json.Encoder().encode


def _fields_of(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields of a line, with those of the request that it belongs to."""
    fields = {name: value for name, value in record.__dict__.items() if name in FIELDS and value is not None}
    for name in _FREE_TEXTS & fields.keys():
        fields[name] = redacted(str(fields[name]))
    origin = current_origin()
    if origin is not None:
        fields.setdefault("requestId", origin.request_id)
        if origin.traceparent is not None:
            fields.setdefault("traceId", origin.traceparent[3:35])
    return fields


class JsonFormatter(logging.Formatter):
    """Formats a line as one JSON object.

    `time` (RFC 3339), `level`, `logger`, `event` and `message` are always there, the other fields of `FIELDS`
    where they apply, and `exception` is the trace of an error.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "event": _OTHER,
            "message": redacted(record.getMessage()),
        }
        line |= _fields_of(record)
        if record.exc_info:
            line["exception"] = redacted(self.formatException(record.exc_info))
        return _encode(line).decode()


class TextFormatter(logging.Formatter):
    """Formats a line as text: local time, level, logger, message, `name=value` fields, an error's trace."""

    def __init__(self) -> None:
        super().__init__()
        self._second = -1
        self._text = ""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        message = redacted(record.getMessage())
        line = f"{self.formatTime(record)} {record.levelname:<7} {record.name}  {message}"
        line += _shown(_fields_of(record), message)
        if record.exc_info:
            line += f"\n{redacted(self.formatException(record.exc_info))}"
        return line

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802, ARG002 - the signature of `Formatter`
        """Return the time with milliseconds; the text of a second is made once."""
        second = int(record.created)
        if second != self._second:
            self._second, self._text = second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._text},{int(record.msecs):03d}"


def _shown(fields: Mapping[str, object], message: str) -> str:
    """Return the fields as text, without those that the *message* says."""
    shown = [
        f"{name}={_quoted(str(value))}"
        for name, value in fields.items()
        if name not in _IN_MESSAGES and not (isinstance(value, str) and value in message)
    ]
    return f"  {' '.join(shown)}" if shown else ""


def _quoted(value: str) -> str:
    return value if value and not any(one in value for one in ' "=\n') else _encode(value).decode()


class LoopTurnHandler(logging.StreamHandler[TextIO]):
    """Writes the lines of one turn of the event loop together: a system call a line would cost more than it.

    A process that is killed loses the lines of that turn. A line of level WARNING or above, and any line
    outside an event loop, is written at once, with those before it.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: list[str] = []
        self._turn_of: asyncio.AbstractEventLoop | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line of *record* until the turn ends, or write it."""
        try:
            self._lines.append(self.format(record))
        except Exception:  # noqa: BLE001 - as in `StreamHandler`: a bad log call must not break its caller
            self.handleError(record)
            return
        loop = asyncio._get_running_loop()  # noqa: SLF001 - public, and unlike `get_running_loop` does not raise
        if record.levelno >= logging.WARNING or loop is None:
            self.flush()
        elif loop is not self._turn_of:
            self._turn_of = loop
            loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write the lines that wait. `logging.shutdown` calls this at the end of the process."""
        self.acquire()
        try:
            lines, self._lines = self._lines, []
            self._turn_of = None
            with suppress(OSError, ValueError):  # the reader of the stream is gone, or it is closed
                if lines:
                    self.stream.write("".join(f"{line}{self.terminator}" for line in lines))
                super().flush()
        finally:
            self.release()


def resolved(log_format: Literal["auto", "text", "json"]) -> LogFormat:
    """Return the format to write: `auto` is text on a terminal, and JSON elsewhere."""
    if log_format == "auto":
        return "text" if sys.stderr.isatty() else "json"
    return log_format


def configure_logs(log_format: Literal["auto", "text", "json"]) -> None:
    """Log level INFO and above to standard error in this format."""
    handler = LoopTurnHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if resolved(log_format) == "json" else TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    # Neither format shows these, and looking them up costs time on every line (logging HOWTO, Optimization).
    logging.logProcesses = logging.logThreads = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - the HOWTO's own way to leave out the caller
    # httpx logs whole URLs, signatures included; alembic logs each plugin, and taskiq each wake-up.
    for verbose in ("httpx", "alembic", "taskiq"):
        logging.getLogger(verbose).setLevel(logging.WARNING)
