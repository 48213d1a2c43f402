"""The port of its own for metrics, which METRICS_PORT opens."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from orak.entrypoints.cli.errors import CommandError
from orak.entrypoints.cli.listeners import listen
from orak.entrypoints.running import Running
from orak.entrypoints.settings.values import Settings

_GRACE_SECONDS = 1


def listen_for_metrics(settings: Settings) -> socket.socket | None:
    """Return a socket that listens on METRICS_PORT; None if that is not set.

    Raise `CommandError` if the port cannot be used.
    """
    if settings.metrics_port is None:
        return None
    try:
        return listen(settings.metrics_host or settings.host, settings.metrics_port)
    except CommandError as error:
        raise CommandError(
            f"METRICS_PORT cannot be used: {error.message}",
            "choose another METRICS_PORT or METRICS_HOST: each command on a machine needs a port of its own, "
            "and 0 picks a free one",
        ) from None


def metrics_url(listener: socket.socket) -> str:
    """Return where *listener* serves the metrics."""
    host, port, *_ = listener.getsockname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics"


@asynccontextmanager
async def serving_metrics(orak: Running, listener: socket.socket | None) -> AsyncIterator[Callable[[], None]]:
    """Serve the metrics of *orak* on *listener* until the block ends, and close it; None serves nothing.

    Yields a call that begins the end earlier, so that another server need not end first. Leases are released
    after this, within the time that a process has for its shutdown: a scrape on its way is not awaited.
    """
    if listener is None:
        yield lambda: None
        return
    import uvicorn

    from orak.entrypoints.cli.uvicorn_server import answering
    from orak.entrypoints.metrics.asgi import MetricsApp

    config = uvicorn.Config(
        MetricsApp(orak),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,  # the command has configured the log of the process
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    with listener:
        async with answering(config, listener, awaits_first_requests=False) as end:
            yield end
