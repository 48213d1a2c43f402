"""How uvicorn runs the application."""

import logging

import uvicorn
from litestar import Litestar

from orak.entrypoints.http.serving.protocol import GuardedProtocol, QuietWebSocket
from orak.entrypoints.settings.values import Settings

_KEEP_ALIVE_SECONDS = 75  # longer than the 60 s of common load balancers, which must be the first to close
_MAX_MESSAGE = 16 * 1024  # bytes; nothing that a client says over a WebSocket is listened to
_SHUTDOWN_SECONDS = 5  # waits end at once; this is for slow readers, and leaves time to give leases back


def server_config(app: Litestar, settings: Settings) -> uvicorn.Config:
    """Return the configuration that `uvicorn.Server` is to be given.

    uvicorn's access log is off because it writes whole URLs, signatures included; `access_log.py` has the
    lines instead. Forwarded headers are not believed: orak takes nothing of what they say from a request.
    """
    # `access_log=False` alone ends where some agent attaches a handler of its own to every logger there is.
    logging.getLogger("uvicorn.access").disabled = True
    return uvicorn.Config(
        app,
        http=GuardedProtocol,
        ws=QuietWebSocket,
        ws_max_size=_MAX_MESSAGE,
        ws_per_message_deflate=False,  # messages are short, and a window for each costs memory
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,  # the process's log is configured by whoever starts it
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        lifespan="on",
    )
