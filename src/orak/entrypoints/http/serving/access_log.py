"""The access log: one line for each answer, without secrets or names."""

import logging
from time import perf_counter
from typing import cast
from urllib.parse import quote

from litestar.types import HTTPScope

from orak.entrypoints.http.call_notes import noted
from orak.entrypoints.http.serving.request_metrics import BEGAN, NO_REQUEST, UNKNOWN_PATH

_log = logging.getLogger("orak.access")


def log_answer(scope: HTTPScope, status: int, request_id: str) -> None:
    """Log method, path, status, request id, caller, duration and outcome.

    The line leaves out the query, which may hold a signature, the key of an object, which holds a file name,
    and an unknown path, which may hold anything. Health probes are not logged: they come every few seconds.
    """
    template = scope.get("path_template") or ""
    if template.startswith("/health/"):
        return
    method, path = scope["method"], _path(scope, template)
    user_id, code = noted(scope)
    began = cast("dict[str, dict[str, float]]", scope.get("extensions") or {}).get(BEGAN)
    fields = {
        "event": "request",
        "requestId": request_id,
        "userId": user_id,
        "method": method,
        "path": path,
        "status": status,
        "outcome": _outcome(status),
        "code": code,
        "durationMs": None if began is None else round(1000 * (perf_counter() - began["at"]), 1),
    }
    _log.info("%s %s %d", method, path, status, extra=fields)


def log_refusal(status: int, code: str, request_id: str) -> None:
    """Log the answer to input that never became a request."""
    fields = {
        "event": "request",
        "requestId": request_id,
        "status": status,
        "outcome": _outcome(status),
        "code": code,
    }
    _log.info("%s %d", NO_REQUEST, status, extra=fields)


def _outcome(status: int) -> str:
    return "ok" if status < 400 else "refused" if status < 500 else "error"


def _path(scope: HTTPScope, template: str) -> str:
    if not template:
        return UNKNOWN_PATH
    # Percent-encoded again: a decoded path may hold line breaks and forge the lines that follow.
    return template if "{key" in template else quote(scope["path"])
