"""The head of every answer: the headers that all of them have, their log lines and their counts."""

from collections.abc import Collection

from litestar.enums import HttpMethod
from litestar.types import HTTPResponseStartEvent, HTTPScope

from orak.entrypoints.http.answers.request_ids import request_id_of
from orak.entrypoints.http.serving.access_log import log_answer
from orak.entrypoints.http.serving.cors import Cors
from orak.entrypoints.http.serving.request_metrics import RequestMetrics

_NO_SNIFFING = (b"x-content-type-options", b"nosniff")
"""Keeps browsers from rendering an upload as a page, whatever its bytes look like (WHATWG Fetch §3.6)."""


class AnswerHeads:
    """Completes, logs and counts the heads of answers, those of the JSON API and those of Litestar."""

    def __init__(self, origins: Collection[str], metrics: RequestMetrics) -> None:
        """Let pages of these *origins* call; `*` stands for every origin."""
        self._cors = Cors(origins)
        self._metrics = metrics

    def complete(self, head: HTTPResponseStartEvent, scope: HTTPScope) -> None:
        """Add the headers that every answer has; log and count the answer."""
        if scope["method"] == HttpMethod.OPTIONS:
            _correct_allow(head, scope)
        fields = list(head["headers"])
        request_id = request_id_of(scope)
        fields.append((b"x-request-id", request_id.encode()))
        fields.append(_NO_SNIFFING)
        self._cors.complete(fields, scope)
        head["headers"] = fields
        log_answer(scope, head["status"], request_id)
        self._metrics.count_answer(scope, head["status"])


def _correct_allow(head: HTTPResponseStartEvent, scope: HTTPScope) -> None:
    """List the methods of all handlers of a path in Litestar's answer to OPTIONS.

    Litestar 2 lists those of one handler only (litestar issue 4169, fixed in 3).
    """
    if head["status"] == 204 and "route_handler" in scope:
        methods = {
            method
            for route in scope["litestar_app"].routes
            if route.path_format == scope["path_template"]
            for method in route.methods
        }
        others = [(name, value) for name, value in head["headers"] if name != b"allow"]
        head["headers"] = [*others, (b"allow", ", ".join(sorted(methods)).encode())]
