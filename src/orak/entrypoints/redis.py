"""What REDIS_URL chooses. Imported when asked for: it costs a second that nobody without Redis shall wait."""

import importlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

from orak.adapters.cache.memory import MemoryCache
from orak.adapters.cache.none import NoCache
from orak.adapters.live.memory import MemoryLive
from orak.application.ports.clock import Clock
from orak.application.ports.live import Live
from orak.application.ports.queue import Queue
from orak.application.ports.snapshot_cache import SnapshotCache
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.sources import shown_value
from orak.entrypoints.settings.values import Settings

if TYPE_CHECKING:
    from orak.adapters.queues.inline import InlineQueue
    from orak.adapters.redis.link import RedisLink


@asynccontextmanager
async def open_link(settings: Settings) -> AsyncIterator["RedisLink | None"]:
    """Open the way to Redis; None without REDIS_URL.

    Raise `InvalidSetting` if the URL cannot be used, or what is needed for it is not installed. A Redis that
    is away is no error.
    """
    if settings.redis_url is None:
        yield None
        return
    link = _import_link()
    name = f"Redis at {shown_value('redis_url', settings.redis_url)}"
    async with AsyncExitStack() as stack:
        with _usable_url():
            opened = await stack.enter_async_context(link.RedisLink.open(settings.redis_url, name))
        yield opened


async def try_redis(url: str) -> None:
    """Raise `Unavailable` if Redis does not answer at *url*, and `InvalidSetting` as `open_link` does."""
    link = _import_link()
    with _usable_url():
        await link.check_redis(url)


def _import_link() -> ModuleType:
    try:
        importlib.import_module("orak.adapters.queues.taskiq_broker")
        return importlib.import_module("orak.adapters.redis.link")
    except ModuleNotFoundError as error:
        raise InvalidSetting(
            "REDIS_URL", f"is set, and {error.name} is not installed", "pip install 'orak[redis]'"
        ) from error


@contextmanager
def _usable_url() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError) as error:  # a word of its query that redis-py does not know is the latter
        raise InvalidSetting("REDIS_URL", f"cannot be used: {error}", "check it") from error


def open_wake_ups(settings: Settings, link: "RedisLink") -> AbstractAsyncContextManager[Queue]:
    """Open the queue that wakes other processes' workers."""
    from orak.adapters.queues.taskiq_queue import TaskiqQueue  # noqa: PLC0415

    return TaskiqQueue.open(settings.redis_url or "", link)


def listen_for_wake_ups(
    settings: Settings, link: "RedisLink", pool: "InlineQueue"
) -> AbstractAsyncContextManager[None]:
    """Let the wake-ups of other processes reach *pool*."""
    from orak.entrypoints.worker.taskiq_listener import listening  # noqa: PLC0415

    return listening(settings.redis_url or "", link, pool)


@asynccontextmanager
async def open_ticks(settings: Settings, link: "RedisLink | None") -> AsyncIterator[Live]:
    """Open the live feed: between processes with a Redis, else within this one."""
    if link is None:
        yield MemoryLive()
        return
    from orak.adapters.live.redis import RedisLive  # noqa: PLC0415

    async with RedisLive.open(settings.redis_url or "", link) as live:
        yield live


def choose_cache(link: "RedisLink | None", settings: Settings, clock: Clock) -> SnapshotCache:
    """Choose what keeps finished recordings: only what every process that may change one can reach.

    A SQLite file is taken to have one `serve`; of another database without Redis, nobody knows.
    """
    if link is None:
        return MemoryCache(clock) if settings.on_sqlite else NoCache()
    from orak.adapters.cache.redis import RedisCache  # noqa: PLC0415

    return RedisCache(link, clock)
