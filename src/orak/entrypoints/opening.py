"""Opening the adapters that the settings choose, and closing them whatever happens."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib import import_module
from inspect import isawaitable
from operator import attrgetter
from typing import Any

from dependency_injector import providers

from orak.application.ports.failures import InvalidConfiguration
from orak.entrypoints.settings.checks import InvalidSetting

_log = logging.getLogger(__name__)

_EXTRAS = {"DATABASE_URL": "postgresql", "REDIS_URL": "redis"}
_HINTS = {
    "S3_BUCKET_NAME": "check S3_BUCKET_NAME, S3_REGION and S3_ENDPOINT_URL",
    "EVENTBRIDGE_BUS_NAME": "check EVENTBRIDGE_BUS_NAME, AWS_REGION and AWS_ENDPOINT_URL",
    "AWS_REGION": "check AWS_REGION and AWS_ENDPOINT_URL",
    "CLOUDFRONT_DISTRIBUTION_ID": "check CLOUDFRONT_DISTRIBUTION_ID and AWS_ENDPOINT_URL",
    "SQS_QUEUE_URL": "check SQS_QUEUE_URL, AWS_REGION and AWS_ENDPOINT_URL",
}

Provider = providers.Provider[Any]
Close = Callable[[], Awaitable[object] | None]


@asynccontextmanager
async def opened(*parts: Provider) -> AsyncIterator[list[Close]]:
    """Open the parts one after the other, and close them in reverse order.

    Yields what will be called at the end, last first; the caller may append to it. A cancellation is obeyed
    once everything is closed: a half-closed orak would leave threads and a process behind.
    """
    closing: list[Close] = []
    try:
        for part in parts:
            await made(part)
            # DeclarativeContainer.init_resources() would open the branches that were not selected, too.
            chosen = part.providers[part.selector()] if isinstance(part, providers.Selector) else part  # type: ignore[misc]  # every Selector here has a selector
            if isinstance(chosen, providers.Resource):
                closing.append(chosen.shutdown)
        yield closing
    finally:
        await _undisturbed(_close_all(closing))


async def made(part: Provider) -> Any:  # noqa: ANN401 - providers do not know the types of what they make
    """Return what a provider makes, awaited if it or something it needs opens asynchronously."""
    adapter = part()
    return await adapter if isawaitable(adapter) else adapter


async def _close_all(closing: Sequence[Close]) -> None:
    for close in reversed(closing):
        try:
            if (closed := close()) is not None:
                await closed
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - one failure must not keep the other parts open
            _log.exception("a part of orak failed to close", extra={"event": "close_error"})


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


def imported(path: str) -> Callable[..., Any]:
    """Return a call of what *path* (`module:name`) names; the module is imported by the call."""

    def call(*arguments: object, **keywords: object) -> object:
        module, _, name = path.partition(":")
        return attrgetter(name)(import_module(module))(*arguments, **keywords)

    return call


def optional(setting: str, path: str, *arguments: object, **keywords: object) -> providers.Resource[Any]:
    """Provide what the call of *path* (`module:Class.open`) opens, and blame its errors on *setting*.

    Drivers belong to an extra and take up to a second to import, so *path* is imported when it is opened.
    """

    @asynccontextmanager
    async def open_adapter(*arguments: object, **keywords: object) -> AsyncIterator[object]:
        async with AsyncExitStack() as stack:
            with blaming(setting):
                adapter = await stack.enter_async_context(imported(path)(*arguments, **keywords))
            yield adapter

    return providers.Resource(open_adapter, *arguments, **keywords)


@contextmanager
def blaming(setting: str) -> Iterator[None]:
    """Raise `InvalidSetting` for *setting* where an adapter is not installed or refuses its configuration."""
    try:
        yield
    except ModuleNotFoundError as error:
        hint = f"pip install 'orak[{_EXTRAS.get(setting, 'aws')}]'"
        raise InvalidSetting(setting, f"is set, but {error.name} is not installed", hint) from error
    except InvalidConfiguration as error:
        hint = error.hint or _HINTS.get(setting, f"see {setting} in `orak config`")
        raise InvalidSetting(setting, f"cannot be used: {error}", hint) from error
