"""The access log: one line for each answer, without secrets or names."""

import logging
from urllib.parse import quote

from litestar.types import HTTPScope

from orak.entrypoints.http.serving.request_metrics import UNKNOWN_PATH

_log = logging.getLogger("orak.access")


def log_answer(scope: HTTPScope, status: int, request_id: str) -> None:
    """Log method, path, status and request id.

    The line leaves out the query, which may hold a signature, the key of an object, which holds a file name,
    and an unknown path, which may hold anything. Health probes are not logged: they come every few seconds.
    """
    template = scope.get("path_template") or ""
    if not template.startswith("/health/"):
        _log.info("%s %s %d %s", scope["method"], _path(scope, template), status, request_id)


def _path(scope: HTTPScope, template: str) -> str:
    if not template:
        return UNKNOWN_PATH
    # Percent-encoded again: a decoded path may hold line breaks and forge the lines that follow.
    return template if "{key" in template else quote(scope["path"])
