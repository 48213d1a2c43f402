"""The log on standard error: one line per message, as text or JSON."""

import logging
import sys
from datetime import UTC, datetime
from typing import Literal

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


def configure_logs(log_format: Literal["text", "json"]) -> None:
    """Log level INFO and above to standard error in this format."""
    handler = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s  %(message)s")
    handler.setFormatter(JsonFormatter() if log_format == "json" else text)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Neither format shows these, and looking them up costs time on every line (logging HOWTO, Optimization).
    logging.logProcesses = logging.logThreads = logging.logMultiprocessing = False
    # httpx logs whole URLs, signatures included; alembic logs each plugin, and taskiq each wake-up.
    for verbose in ("httpx", "alembic", "taskiq"):
        logging.getLogger(verbose).setLevel(logging.WARNING)
