"""Which methods a path has, told by OPTIONS."""

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import HttpMethod
from litestar.types import HTTPResponseStartEvent, HTTPScope


def correct_allow(message: HTTPResponseStartEvent, scope: HTTPScope) -> None:
    """Say of all handlers of a path what Litestar 2 says of one alone (litestar issue 4169, mended in 3)."""
    if scope["method"] == HttpMethod.OPTIONS and message["status"] == 204:
        routes = scope["litestar_app"].routes
        methods = {
            method
            for route in routes
            if route.path_format == scope["path_template"]
            for method in route.methods
        }
        MutableScopeHeaders.from_message(message)["Allow"] = ", ".join(sorted(methods))
