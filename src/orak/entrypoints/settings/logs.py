"""The log on standard error: one line per message, as text or JSON."""

import asyncio
import logging
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal, TextIO

import msgspec


class JsonFormatter(logging.Formatter):
    """Formats a line as one JSON object: time (RFC 3339), level, logger, message, and an error's trace."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


class TextFormatter(logging.Formatter):
    """Formats a line as text: local time, level, logger, message, and an error's trace."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s  %(message)s")
        self._second = -1
        self._text = ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802, ARG002 - the signature of `Formatter`
        """Return the time with milliseconds; the text of a second is made once."""
        second = int(record.created)
        if second != self._second:
            self._second, self._text = second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._text},{int(record.msecs):03d}"


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


def configure_logs(log_format: Literal["text", "json"]) -> None:
    """Log level INFO and above to standard error in this format."""
    handler = LoopTurnHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Neither format shows these, and looking them up costs time on every line (logging HOWTO, Optimization).
    logging.logProcesses = logging.logThreads = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - the HOWTO's own way to leave out the caller
    # httpx logs whole URLs, signatures included; alembic logs each plugin, and taskiq each wake-up.
    for verbose in ("httpx", "alembic", "taskiq"):
        logging.getLogger(verbose).setLevel(logging.WARNING)
