"""Content types are meant as they are said."""

from litestar.datastructures import MutableScopeHeaders
from litestar.types import HTTPResponseStartEvent, HTTPScope


def forbid_sniffing(message: HTTPResponseStartEvent, scope: HTTPScope) -> None:  # noqa: ARG001 - a step's signature
    """Keep browsers from taking an upload for a page, whatever its bytes look like (WHATWG Fetch §3.6)."""
    MutableScopeHeaders.from_message(message)["X-Content-Type-Options"] = "nosniff"
