"""One process's way to Redis, shared by all that ask it."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Self, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from orak.application.ports.failures import Unavailable

T = TypeVar("T")

_log = logging.getLogger(__name__)

PATIENCE = 0.4
"""Seconds that Redis has for an answer, connecting included: no client's call waits longer for a hint."""

REST = 2.0
"""Seconds for which a Redis that gave no answer is not asked again."""

_PATIENCE_OF_A_TRIAL = 2 * PATIENCE

MOST_CONNECTIONS = 16
"""Connections of one process for one purpose; a burst of calls takes turns, as it does in Redis anyway."""

MAX_CONSECUTIVE_OUTAGES = (RedisError, OSError, TimeoutError)
"""What drivers raise when Redis does not answer, or not as it should."""


def at_once_again() -> Retry:
    """Try a command twice: a connection that outlived a restart of Redis is only noticed by using it."""
    return Retry(NoBackoff(), 1)


async def try_out(url: str) -> None:
    """Raise `Unavailable`, which says why, if there is no Redis at *url* that does as it is asked."""
    client = _client(url)
    try:
        async with asyncio.timeout(_PATIENCE_OF_A_TRIAL):
            await client.ping()
    except MAX_CONSECUTIVE_OUTAGES as error:
        raise Unavailable(str(error) or type(error).__name__) from error
    finally:
        await client.aclose()


def _client(url: str) -> Redis:
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MOST_CONNECTIONS,
        timeout=PATIENCE,
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        retry=at_once_again(),
    )
    return Redis.from_pool(pool)


class RedisLink:
    """Keeps a Redis that is away from costing anyone time, and the log from filling with its absence."""

    def __init__(self, client: Redis, name: str) -> None:
        """Ask *client*, which the log calls *name*."""
        self.client = client
        self._name = name
        self._away = False
        self._ask_again_at = 0.0
        self._answered_at = -math.inf
        self._unanswered_at = -math.inf

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, name: str) -> AsyncIterator[Self]:
        """Say in the log if there is no answer yet: that is no reason not to start."""
        client = _client(url)
        try:
            link = cls(client, name)
            await link.answers()
            yield link
        finally:
            await client.aclose()

    def left_unanswered(self, seconds: float) -> bool:
        """Whether anything asked within the last *seconds* got no answer, and so may not have been done."""
        return asyncio.get_running_loop().time() - self._unanswered_at < seconds

    @property
    def has_answered(self) -> bool:
        """Whether it ever did since this process started."""
        return self._answered_at > -math.inf

    async def answers(self) -> bool:
        """Whether Redis answers now, or did not a moment ago."""
        try:
            await self.ask(self.client.ping)
        except Unavailable:
            return False
        return True

    async def ask(self, command: Callable[[], Awaitable[T]]) -> T:
        """Return the answer. Raise `Unavailable` after `PATIENCE`, or at once while Redis is away."""
        now = asyncio.get_running_loop().time()
        if self._away:
            if now < self._ask_again_at:
                self._unanswered_at = now
                raise Unavailable(f"{self._name} is away")
            self._ask_again_at = now + REST  # one asks, and the others go on without until it knows
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await command()
        except MAX_CONSECUTIVE_OUTAGES as error:
            self._unanswered_at = asyncio.get_running_loop().time()
            if self._answered_at < now:  # else it was this process that was slow: others got their answers
                self.note_outage(error)
            raise Unavailable(f"{self._name} is away") from error
        self.note_answer()
        return answer

    def note_answer(self) -> None:
        """Let it be known that Redis answers."""
        self._answered_at = asyncio.get_running_loop().time()
        if self._away:
            self._away = False
            _log.warning("%s answers again", self._name)

    def note_outage(self, error: BaseException) -> None:
        """Let it be known that Redis does not answer: one line an outage."""
        self._ask_again_at = asyncio.get_running_loop().time() + REST
        if not self._away:
            self._away = True
            reason = str(error) or type(error).__name__
            _log.warning("%s does not answer, so takes may wait for the next sweep: %s", self._name, reason)
