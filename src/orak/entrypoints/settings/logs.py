"""The log: one line an event, for people or for machines."""

import logging
import sys
from datetime import UTC, datetime
from typing import Literal

import msgspec


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (RFC 3339), level, logger, message, and the trace of an error."""

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


def configure_logs(form: Literal["text", "json"]) -> None:
    """Send everything of level INFO and above to standard error, in this form."""
    handler = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s  %(message)s")
    handler.setFormatter(JsonFormatter() if form == "json" else text)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Neither form shows these, and each is asked for anew with every line (the logging HOWTO, Optimization).
    logging.logProcesses = logging.logThreads = logging.logMultiprocessing = False
    # httpx logs the whole URL of each request, signatures included; alembic, every plugin it finds; taskiq,
    # every wake-up.
    for talkative in ("httpx", "alembic", "taskiq"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
