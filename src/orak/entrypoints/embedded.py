from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from orak.application.use_cases import UseCases
from orak.entrypoints.container import run
from orak.entrypoints.settings.sources import LoadedSettings
from orak.entrypoints.settings.values import Settings


@asynccontextmanager
async def running(settings: Settings | None = None) -> AsyncIterator[UseCases]:
    """Run orak inside this process, background conversion and sweep included, until the block ends.

    Without *settings*, those of the environment and `.env` are used. Conversions under way at the end
    are given back and done at the next start.
    """
    async with run(settings or LoadedSettings.load().settings) as orak:
        yield orak.use_cases
