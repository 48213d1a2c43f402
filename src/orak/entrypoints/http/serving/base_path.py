"""Serving below a path: proxies may strip the path of PUBLIC_URL or pass it on."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from orak.entrypoints.settings.values import Settings


def below_base_path(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Return *app* behind the path of PUBLIC_URL, which it then never sees.

    The path alone is redirected to the page: relative URLs of the page need the slash.
    """
    prefix = settings.base_path
    if not prefix:
        return app

    async def below(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == prefix and scope["type"] == ScopeType.HTTP:
            await _redirect(f"{settings.base_url}/", send)
            return
        if scope["path"].startswith(f"{prefix}/"):
            scope["path"] = scope["path"].removeprefix(prefix)
        await app(scope, receive, send)

    return below


async def _redirect(url: str, send: Send) -> None:
    headers = [(b"location", url.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 308, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
