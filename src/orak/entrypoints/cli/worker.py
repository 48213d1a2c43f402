from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.options import data_dir_option, load_settings

if TYPE_CHECKING:
    from orak.entrypoints.settings.values import Settings


@click.command()
@data_dir_option
def worker(data_dir: Path | None) -> None:
    """Convert in the background, beside `serve`.

    Any number may run on one database and store. With REDIS_URL, `serve` wakes them, and leaves the
    background work to them; without it, or while Redis is away, they look for work by themselves, every
    SWEEP_INTERVAL_MS. Ctrl-C gives back what is not finished.
    """
    from orak.entrypoints.cli.signals import run_until_signal
    from orak.entrypoints.settings.logs import configure_logs

    settings = load_settings(data_dir=data_dir).settings
    configure_logs(settings.log_format)
    run_until_signal(lambda: _work(settings))


async def _work(settings: "Settings") -> None:
    import asyncio
    import logging

    from orak.entrypoints.container import work

    async with work(settings):
        logging.getLogger(__name__).info("%s", _ready_line(settings))
        await asyncio.Event().wait()  # until cancelled


def _ready_line(settings: "Settings") -> str:
    looks = f"looks every {settings.sweep_interval_ms / 1000:g} s"
    if not settings.workers:
        return f"ready: {looks} for what stands still, and converts nothing (BATCH_ENABLED is false)"
    wakers = [
        name
        for name, chosen in (("through Redis", settings.redis_url), ("by events", settings.sqs_queue_url))
        if chosen is not None
    ]
    woken = f"woken {' and '.join(wakers)}, and {looks}" if wakers else looks
    return f"ready: converts up to {settings.workers} takes at once; {woken}"
