"""The hook that completes the headers of every response."""

from collections.abc import Callable

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import HttpMethod, ScopeType
from litestar.types import BeforeMessageSendHookHandler, HTTPResponseStartEvent, HTTPScope, Message, Scope

from orak.entrypoints.http.answers.request_ids import HEADER, request_id_of

ResponseStep = Callable[[HTTPResponseStartEvent, HTTPScope], None]
"""Reads or changes the status and headers of one response."""


def response_hook(*steps: ResponseStep) -> BeforeMessageSendHookHandler:
    """Return one Litestar hook that runs *steps* in this order.

    Litestar awaits every hook for every message of a response, which costs more than most of the steps.
    """

    async def complete(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start" and scope["type"] == ScopeType.HTTP:
            for step in steps:
                step(message, scope)

    return complete


def correct_allow(message: HTTPResponseStartEvent, scope: HTTPScope) -> None:
    """List the methods of all handlers of a path in the answer to OPTIONS.

    Litestar 2 lists those of one handler only (litestar issue 4169, fixed in 3).
    """
    if scope["method"] == HttpMethod.OPTIONS and message["status"] == 204:
        routes = scope["litestar_app"].routes
        methods = {
            method
            for route in routes
            if route.path_format == scope["path_template"]
            for method in route.methods
        }
        MutableScopeHeaders.from_message(message)["Allow"] = ", ".join(sorted(methods))


def send_request_id(message: HTTPResponseStartEvent, scope: HTTPScope) -> None:
    """Send the request id back."""
    MutableScopeHeaders.from_message(message)[HEADER] = request_id_of(scope)


def forbid_sniffing(message: HTTPResponseStartEvent, scope: HTTPScope) -> None:  # noqa: ARG001 - a step's signature
    """Keep browsers from rendering an upload as a page, whatever its bytes look like (WHATWG Fetch §3.6)."""
    MutableScopeHeaders.from_message(message)["X-Content-Type-Options"] = "nosniff"
