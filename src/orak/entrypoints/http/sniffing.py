"""Content types are meant as they are said."""

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope


async def forbid_sniffing(message: Message, scope: Scope) -> None:  # noqa: ARG001 - the hook's signature
    """Keep browsers from taking an upload for a page, whatever its bytes look like (WHATWG Fetch §3.6)."""
    if message["type"] == "http.response.start":
        MutableScopeHeaders.from_message(message)["X-Content-Type-Options"] = "nosniff"
