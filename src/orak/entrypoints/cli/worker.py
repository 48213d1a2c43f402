from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.options import data_dir_option, shared_settings

if TYPE_CHECKING:
    import socket

    from orak.entrypoints.cli.drain import Drain
    from orak.entrypoints.settings.values import Settings


@click.command()
@data_dir_option
def worker(data_dir: Path | None) -> None:
    """Convert in the background, in a process beside `serve`.

    Any number of workers may share one database and store. With REDIS_URL, `serve` wakes the workers and
    leaves background work to them. Without it, or while Redis is down, workers look for work every
    BATCH_INTERVAL_MS. Ctrl-C stops a worker; other processes then do its unfinished jobs. SIGTERM lets it
    finish them for up to DRAIN_SECONDS first.
    """
    from orak.entrypoints.cli.drain import Drain
    from orak.entrypoints.cli.metrics_server import listen_for_metrics
    from orak.entrypoints.cli.signals import run_until_signal
    from orak.entrypoints.settings.logs import configure_logs

    settings = shared_settings(data_dir)
    configure_logs(settings.log_format)
    metrics_listener, drain = listen_for_metrics(settings), Drain(settings.drain_seconds)
    run_until_signal(lambda: _work(settings, metrics_listener, drain), drain=drain)


async def _work(settings: "Settings", metrics_listener: "socket.socket | None", drain: "Drain") -> None:
    import asyncio
    import logging
    from functools import partial

    from orak.entrypoints.cli.metrics_server import metrics_url, serving_metrics
    from orak.entrypoints.metrics.readings import read_metrics
    from orak.entrypoints.running import run
    from orak.entrypoints.telemetry.opening import telemetry
    from orak.version import __version__

    log = logging.getLogger(__name__)
    async with (
        telemetry() as recorders,
        run(settings, serves=False, telemetry=recorders) as orak,
        serving_metrics(orak, metrics_listener),
    ):
        drain.calls(orak.drain)
        if metrics_listener is not None:
            url = metrics_url(metrics_listener)
            log.info("metrics are at %s", url, extra={"event": "started", "url": url})
        log.info("%s", _ready_line(settings), extra={"event": "started", "version": __version__})
        with recorders.reading(partial(read_metrics, orak)):
            await asyncio.Event().wait()  # until cancelled


def _ready_line(settings: "Settings") -> str:
    if not settings.workers:
        interval = f"every {settings.sweep_interval_ms / 1000:g} s"
        return f"ready: repairs stuck uploads {interval}, converts nothing (BATCH_ENABLED is false)"
    sources = [
        name
        for name, setting in (("through Redis", settings.redis_url), ("by events", settings.sqs_queue_url))
        if setting is not None
    ]
    starts = [f"woken {' and '.join(sources)}"] if sources else []
    if settings.batch_enabled:
        starts.append(f"starts a batch every {settings.batch_interval_ms / 1000:g} s")
    return f"ready: converts up to {settings.workers} uploads at once; {', and '.join(starts)}"
