"""The configuration of uvicorn."""

import asyncio
import logging
from functools import partial
from typing import Any

import uvicorn
from litestar import Litestar

from orak.entrypoints.http.serving.protocol import GuardedProtocol
from orak.entrypoints.settings.values import Settings

_KEEP_ALIVE_SECONDS = 75  # longer than the 60 s of common load balancers, which must close first
_MAX_MESSAGE = 16 * 1024  # bytes; messages of WebSocket clients are ignored
_SHUTDOWN_SECONDS = 5  # for slow readers, since waits end at once; it leaves time to release leases


def server_config(app: Litestar, settings: Settings, draining: asyncio.Event | None = None) -> uvicorn.Config:
    """Return the configuration for `uvicorn.Server`.

    While *draining* is set, each answer closes its connection, so that the client opens the next one to
    another server.

    uvicorn's access log is off: it writes whole URLs, signatures included. `access_log.py` replaces it.
    Forwarded headers are ignored: orak does not use them.
    """
    # `access_log=False` alone is not enough where a monitoring agent attaches its handler to every logger.
    logging.getLogger("uvicorn.access").disabled = True
    return uvicorn.Config(
        app,
        http=partial(GuardedProtocol, draining=draining),  # type: ignore[arg-type]  # uvicorn only calls it
        ws=_websocket,  # type: ignore[arg-type]  # uvicorn only calls it
        ws_max_size=_MAX_MESSAGE,
        ws_per_message_deflate=False,  # messages are short, and a compression window each costs memory
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,  # the caller has configured the log of the process
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        lifespan="on",
    )


def _websocket(*arguments: Any, **keywords: Any) -> asyncio.Protocol:  # noqa: ANN401 - uvicorn's own arguments
    """Return the protocol of a new WebSocket connection."""
    # Its library takes a while to import, and many services have no such client.
    from orak.entrypoints.http.serving.websocket_protocol import QuietWebSocket  # noqa: PLC0415 - see above

    return QuietWebSocket(*arguments, **keywords)
