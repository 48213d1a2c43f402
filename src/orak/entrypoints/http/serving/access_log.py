"""One line in the log for each answer, without what must not be in a log."""

import logging
from urllib.parse import quote

from litestar.types import HTTPResponseStartEvent, HTTPScope

from orak.entrypoints.http.serving.request_ids import request_id_of

_log = logging.getLogger("orak.access")


def log_answer(message: HTTPResponseStartEvent, scope: HTTPScope) -> None:
    """Log method, path, status and request id.

    Never the query, which may hold a signature; never an object's key, which holds a file name; never an
    unknown path, which may hold anything. Probes come every few seconds and say nothing: no line for them.
    """
    if not str(scope.get("path_template")).startswith("/health/"):
        _log.info("%s %s %d %s", scope["method"], _path(scope), message["status"], request_id_of(scope))


def _path(scope: HTTPScope) -> str:
    template = scope.get("path_template")
    if not template:
        return "(unknown path)"
    # Percent-encoded again: a decoded path may hold line ends, and forge what follows.
    return template if "{key" in template else quote(scope["path"])
