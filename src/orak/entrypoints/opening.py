"""Opening adapters that the settings choose, and closing them whatever happens."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from datetime import timedelta
from functools import partial
from importlib import import_module
from inspect import isawaitable
from operator import attrgetter
from tempfile import TemporaryDirectory
from typing import Any

from dependency_injector import providers

from orak.adapters.auth.jwt import JwtTokens
from orak.adapters.auth.none import NoTokens
from orak.adapters.clock.following import FollowingClock
from orak.adapters.clock.system import SystemClock
from orak.adapters.persistence import Persistence
from orak.adapters.persistence.sql.database import SqlPersistence
from orak.adapters.persistence.sql.migrations import UnusableSchema
from orak.adapters.persistence.sql.schema import schema_prepared
from orak.adapters.storage.sigv4 import Credentials
from orak.adapters.workspaces.disk import Workspaces
from orak.application.ports.clock import Clock
from orak.application.ports.tokens import Tokens
from orak.entrypoints.data_dir import make_data_dir
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.sources import shown_value
from orak.entrypoints.settings.values import Settings

_log = logging.getLogger(__name__)

_HINTS = {
    "S3_BUCKET_NAME": "check S3_BUCKET_NAME, S3_REGION and S3_ENDPOINT_URL",
    "REDIS_URL": "check REDIS_URL",
    "EVENTBRIDGE_BUS_NAME": "check EVENTBRIDGE_BUS_NAME, AWS_REGION and AWS_ENDPOINT_URL",
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
            chosen = _chosen(part)
            if isinstance(chosen, providers.Resource):
                closing.append(chosen.shutdown)
        yield closing
    finally:
        await _undisturbed(_close_all(closing))


async def made(part: Provider) -> Any:  # noqa: ANN401 - the container knows the type of a port, its providers do not
    """Return what a provider makes, awaited if it or something it needs opens asynchronously."""
    adapter = part()
    return await adapter if isawaitable(adapter) else adapter


def _chosen(part: Provider) -> Provider:
    if not isinstance(part, providers.Selector) or part.selector is None:
        return part
    return part.providers[part.selector()]


async def _close_all(closing: Sequence[Close]) -> None:
    for close in reversed(closing):
        try:
            if (closed := close()) is not None:
                await closed
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - one part that fails to close must not keep the others open
            _log.exception("a part of orak failed to close")


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


@contextmanager
def blaming(setting: str, hint: str) -> Iterator[None]:
    """Raise `InvalidSetting` for *setting* where an adapter is not installed or refuses its configuration."""
    try:
        yield
    except ModuleNotFoundError as error:
        extra = "redis" if setting == "REDIS_URL" else "aws"
        raise InvalidSetting(
            setting, f"is set, but {error.name} is not installed", f"pip install 'orak[{extra}]'"
        ) from error
    except UnusableSchema as error:
        raise InvalidSetting(setting, f"cannot be used: {error}", error.hint) from error
    except (ValueError, TypeError) as error:  # redis-py raises TypeError for an unknown URL parameter
        raise InvalidSetting(setting, f"cannot be used: {error}", hint) from error


def imported(path: str) -> Callable[..., Any]:
    """Return a call of what *path* (`module:name`) names; it is imported when it is called."""

    def call(*arguments: object) -> object:
        module, _, name = path.partition(":")
        return attrgetter(name)(import_module(module))(*arguments)

    return call


def optional(setting: str, path: str, *arguments: object) -> providers.Resource[Any]:
    """Provide the adapter class at *path*, opened with its `open`. Blame what fails on *setting*.

    Its packages belong to an extra and take up to a second to import, so they are imported when it is opened.
    """

    @asynccontextmanager
    async def open_adapter(*arguments: object) -> AsyncIterator[object]:
        async with AsyncExitStack() as stack:
            with blaming(setting, _HINTS[setting]):
                opening = imported(f"{path}.open")(*arguments)
                adapter = await stack.enter_async_context(opening)
            yield adapter

    return providers.Resource(open_adapter, *arguments)


@asynccontextmanager
async def open_sql(
    settings: Settings, clock: SystemClock | FollowingClock, lease: timedelta, *, patient: bool
) -> AsyncIterator[Persistence]:
    """Prepare the schema and open the database. If *patient*, do not wait for a PostgreSQL that is down.

    On PostgreSQL, *clock* follows the database's time while the block runs.
    """
    make_data_dir(settings)
    async with AsyncExitStack() as stack:
        preparing = schema_prepared(settings.database, upgrade=settings.db_auto_upgrade, patient=patient)
        with blaming("DATABASE_URL", "see DATABASE_URL in `orak config`"):
            admit = await stack.enter_async_context(preparing)
        opening = SqlPersistence.open(settings.database, clock=clock, lease=lease, admit=admit)
        persistence = await stack.enter_async_context(opening)
        if isinstance(clock, FollowingClock):
            await stack.enter_async_context(clock.following(persistence.now))
        yield persistence


@contextmanager
def open_workspaces(settings: Settings) -> Iterator[Callable[[], AbstractContextManager[str]]]:
    """Open what makes a folder for each conversion, in the data folder or the system's temporary folder."""
    if settings.in_memory:
        yield partial(TemporaryDirectory, prefix="orak-")
        return
    with Workspaces.open(settings.data_dir / "work") as workspaces:
        yield workspaces


def choose_tokens(settings: Settings, clock: Clock) -> Tokens:
    """Return the verifier of tokens. Raise `InvalidSetting` if its settings cannot work."""
    if settings.jwt_secret is None and settings.jwks_url is None:
        return NoTokens()  # embedded: the program itself names the actor
    name = "JWT_SECRET" if settings.jwt_secret else "JWKS_URL"
    with blaming(f"{name} or JWT_ALGORITHMS", f"see {name} and JWT_ALGORITHMS in `orak config`"):
        return JwtTokens(
            clock=clock,
            secret=settings.jwt_secret,
            jwks_url=settings.jwks_url,
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            algorithms=settings.jwt_algorithms,
        )


def bucket_credentials(settings: Settings) -> Credentials | None:
    """Return the configured AWS key; None leaves it to the AWS credential chain."""
    if settings.aws_access_key_id is None or settings.aws_secret_access_key is None:
        return None
    return Credentials(settings.aws_access_key_id, settings.aws_secret_access_key, settings.aws_session_token)


def redis_name(settings: Settings) -> str:
    """Return what the log calls the Redis server: its URL without the password."""
    return f"Redis at {shown_value('redis_url', settings.redis_url)}"
