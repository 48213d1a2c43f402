"""Pools of connections to Redis, also to the primary that Sentinel names."""

from typing import Any

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import ReadOnlyError

from orak.adapters.redis.sentinel_url import SentinelUrl
from orak.application.ports.failures import InvalidConfiguration

_SENTINEL_TIMEOUT = 0.1
"""Seconds that one sentinel has to answer: several must fit into the time of a command."""


def connection_pool(url: str, **options: Any) -> BlockingConnectionPool:  # noqa: ANN401 - those of redis-py
    """Return a pool of connections to the Redis at *url*.

    A connection on which a command fails is made again, and the command tried once more: it may have outlived
    a restart of Redis, or lead to a server that was demoted.

    Raises:
        InvalidConfiguration: redis-py cannot use the URL.
    """
    options = {"retry": Retry(NoBackoff(), 1)} | options
    try:
        behind_sentinel = SentinelUrl.parse(url)
        if behind_sentinel is not None:
            pool: BlockingConnectionPool = _sentinel_pool(behind_sentinel, options)
        else:
            pool = BlockingConnectionPool.from_url(url, **options)
            pool.connection_class = _leaving_the_demoted(pool.connection_class)
            pool.connection_class(**pool.connection_kwargs)  # checks the parameters, which the pool does not
    except (ValueError, TypeError) as error:  # redis-py raises TypeError for an unknown parameter of the URL
        raise InvalidConfiguration(str(error)) from error
    return pool


class _SentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections to the primary; closes those to the sentinels too."""

    async def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 - the signature of redis-py
        await super().disconnect(inuse_connections)
        if inuse_connections:
            await self.sentinel_manager.aclose()


def _sentinel_pool(url: SentinelUrl, options: dict[str, Any]) -> _SentinelPool:
    parameters: dict[str, Any] = dict(parse_url(url.redis))
    for of_one_server in ("host", "port"):
        parameters.pop(of_one_server, None)
    tls = {name: value for name, value in parameters.items() if name.startswith("ssl")}
    if parameters.pop("connection_class", None) is not None:
        parameters["ssl"] = tls["ssl"] = True
    sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py builds it untyped
        url.sentinels,
        sentinel_kwargs={
            "socket_timeout": _SENTINEL_TIMEOUT,
            "socket_connect_timeout": _SENTINEL_TIMEOUT,
            "retry": Retry(NoBackoff(), 0),
            **url.credentials,
            **tls,
        },
    )
    return _SentinelPool(url.service, sentinel, **options | parameters)  # type: ignore[no-untyped-call]  # as above


def _leaving_the_demoted(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    """Return a connection that ends when its server says that it is read-only.

    A server that was demoted to a replica keeps its connections. The next one leads to the new primary where
    a name or an address follows it.
    """

    class Connection(kind):  # type: ignore[misc, valid-type]  # *kind* is a class
        async def read_response(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the signature of redis-py
            try:
                return await super().read_response(*args, **kwargs)
            except ReadOnlyError as error:
                await self.disconnect()
                raise Disconnected(str(error)) from error

    return Connection
