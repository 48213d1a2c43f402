"""Opening the parts of orak, and closing them whatever happens."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from dependency_injector import providers

_log = logging.getLogger(__name__)

Resource = providers.Resource[Any]


@asynccontextmanager
async def opened(*resources: Resource) -> AsyncIterator[None]:
    """Open each, one after the other, and close them all the other way round.

    Opened at once, a failure of one would cancel the others half way; and who gives a lease back at the end
    still needs the database. A cancellation is obeyed when all are closed: half closed, orak would leave
    threads and a process behind.
    """
    try:
        for resource in resources:
            await resource.async_()
        yield
    finally:
        await _undisturbed(_close_all(resources))


async def _close_all(resources: Sequence[Resource]) -> None:
    for resource in reversed(resources):
        try:
            if (closing := resource.shutdown()) is not None:
                await closing
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - what cannot be closed must not keep the others open
            _log.exception("a part of orak did not close well")


async def _undisturbed(closing: Coroutine[None, None, None]) -> None:
    task = asyncio.create_task(closing)
    cancellation: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        raise cancellation
