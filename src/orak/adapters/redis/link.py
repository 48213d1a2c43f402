"""Access to Redis from one process, shared by everything in it that uses Redis."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Self, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from orak.adapters.redis.pools import connection_pool
from orak.application.ports.failures import Unavailable

T = TypeVar("T")

_log = logging.getLogger(__name__)

TIMEOUT = 0.4
"""Seconds that Redis has to answer a command, connecting included: no client waits longer for Redis."""

COOLDOWN = 2.0
"""Seconds after an unanswered command in which Redis is not called again."""

_CHECK_TIMEOUT = 2 * TIMEOUT

MAX_CONNECTIONS = 16
"""Connections of one process for one purpose. Commands beyond that wait: Redis runs one at a time anyway."""

OUTAGE_ERRORS = (RedisError, OSError, TimeoutError)
"""What drivers raise if Redis does not answer, or answers with an error."""


async def check_redis(url: str) -> None:
    """Raise `Unavailable`, with the reason, unless a Redis answers at *url*."""
    client = _client(url)
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT):
            await client.ping()
    except OUTAGE_ERRORS as error:
        raise Unavailable(str(error) or type(error).__name__) from error
    finally:
        await client.aclose()


def _client(url: str) -> Redis:
    return Redis.from_pool(
        connection_pool(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=TIMEOUT,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
        )
    )


class RedisLink:
    """A Redis client with a circuit breaker: during an outage, commands fail at once.

    The log has one line for the beginning of an outage and one for its end.
    """

    def __init__(self, client: Redis, name: str) -> None:
        """Call *client*; the log refers to it by *name*."""
        self.client = client
        self._name = name
        self._is_down = False
        self._retry_at = 0.0
        self._answered_at = -math.inf
        self._failed_at = -math.inf

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, name: str) -> AsyncIterator[Self]:
        """Open the client. If Redis does not answer yet, log that and go on.

        Raise `InvalidConfiguration` for a URL that redis-py cannot use.
        """
        client = _client(url)
        try:
            link = cls(client, name)
            await link.answers()
            yield link
        finally:
            await client.aclose()

    def failed_within(self, seconds: float) -> bool:
        """Whether a command of the last *seconds* got no answer, and so may not have run."""
        return asyncio.get_running_loop().time() - self._failed_at < seconds

    @property
    def has_answered(self) -> bool:
        """Whether Redis has answered since this process started."""
        return self._answered_at > -math.inf

    async def answers(self) -> bool:
        """Whether Redis answers a ping; False at once during the cooldown."""
        try:
            await self.call(self.client.ping)
        except Unavailable:
            return False
        return True

    async def call(self, command: Callable[[], Awaitable[T]]) -> T:
        """Return the answer to *command*.

        Raise `Unavailable` after `TIMEOUT`, or at once during an outage.
        """
        now = asyncio.get_running_loop().time()
        if self._is_down:
            if now < self._retry_at:
                self._failed_at = now
                raise Unavailable(f"{self._name} does not answer")
            # This command tests Redis; the others fail until it has an answer.
            self._retry_at = now + COOLDOWN
        try:
            async with asyncio.timeout(TIMEOUT):
                answer = await command()
        except OUTAGE_ERRORS as error:
            self._failed_at = asyncio.get_running_loop().time()
            if self._answered_at < now:  # an answer since then means that this process was slow
                self.note_outage(error)
            raise Unavailable(f"{self._name} does not answer") from error
        self.note_answer()
        return answer

    def note_answer(self) -> None:
        """Record that Redis answered, which ends an outage."""
        self._answered_at = asyncio.get_running_loop().time()
        if self._is_down:
            self._is_down = False
            _log.warning("%s answers again", self._name, extra={"event": "recovery", "part": self._name})

    def note_outage(self, error: BaseException) -> None:
        """Record that Redis did not answer; log only the first error of an outage."""
        self._retry_at = asyncio.get_running_loop().time() + COOLDOWN
        if not self._is_down:
            self._is_down = True
            reason = str(error) or type(error).__name__
            _log.warning(
                "%s does not answer, so uploads may wait for the next batch: %s",
                *(self._name, reason),
                extra={"event": "outage", "part": self._name, "reason": reason},
            )
