"""Which methods a path has, told by OPTIONS."""

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import HttpMethod, ScopeType
from litestar.types import Message, Scope


async def correct_allow(message: Message, scope: Scope) -> None:
    """Say of all handlers of a path what Litestar 2 says of one alone (litestar issue 4169, mended in 3)."""
    if message["type"] != "http.response.start" or scope["type"] != ScopeType.HTTP:
        return
    if scope["method"] == HttpMethod.OPTIONS and message["status"] == 204:
        routes = scope["litestar_app"].routes
        methods = {
            method
            for route in routes
            if route.path_format == scope["path_template"]
            for method in route.methods
        }
        MutableScopeHeaders.from_message(message)["Allow"] = ", ".join(sorted(methods))
