import asyncio
import logging
from collections.abc import Callable

import asyncpg  # type: ignore[import-untyped]  # asyncpg ships no type hints

from orak.adapters.persistence.event_signal import CommitSignal
from orak.adapters.persistence.sql.event_log import CHANNEL
from orak.adapters.persistence.sql.postgresql_session import BROKEN, Sessions, is_shared
from orak.application.ports.failures import Unavailable

_RETRY_SECONDS = 1.0
"""Seconds after which a lost session is opened again."""

_CHECK_SECONDS = 15.0
"""Seconds between checks that the server still answers: a session that was cut off is silent."""

_log = logging.getLogger(__name__)

_PART = {"part": "notifications"}


class PostgresqlSignal:
    """The port `EventSignal` on PostgreSQL.

    It hears of commits of this process directly. A session of its own listens to the notification that
    `SqlEventLog` sends when any process has numbered events. While that session is down, it hears this
    process only. The same is true behind a pooler, unless DATABASE_POOLER=session says that sessions are
    kept.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._commits = CommitSignal(hears_every_process=False)
        self._is_listening = False
        self._listening: asyncio.Task[None] | None = None

    @property
    def hears_every_process(self) -> bool:
        return self._is_listening

    def listen(self, listener: Callable[[], None]) -> None:
        self._commits.listen(listener)
        if self._listening is None:
            self._listening = asyncio.create_task(self._keep_listening(), name="notifications")

    def give(self) -> None:
        """Call the listeners. Adapters call this after each commit of events."""
        self._commits.give()

    async def close(self) -> None:
        """Close the session that listens."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait({self._listening})

    async def _keep_listening(self) -> None:
        while True:
            try:
                session = await self._sessions.open()
            except Unavailable as outage:
                _log.debug("cannot listen", extra={"event": "outage", **_PART, "reason": str(outage)})
            except Exception:  # noqa: BLE001 - without this task, events of other processes come late for ever
                _log.exception(
                    "cannot listen, and will try again", extra={"event": "background_error", **_PART}
                )
            else:
                try:
                    if is_shared(session):
                        _log.info(
                            "no notifications come through the pooler: the event log is read twice a second",
                            extra={"event": "pooler"},
                        )
                        return
                    await self._listen_on(session)
                except BROKEN as error:
                    reason = type(error).__name__
                    _log.debug(
                        "the session that listens is lost",
                        extra={"event": "outage", **_PART, "reason": reason},
                    )
                except Exception:  # noqa: BLE001 - as above
                    _log.exception(
                        "the session that listens failed, and is opened again",
                        extra={"event": "background_error", **_PART},
                    )
                finally:
                    session.terminate()
                    self._is_listening = False
                    self.give()  # readers that trusted in notifications look for themselves from now on
            await asyncio.sleep(_RETRY_SECONDS)

    async def _listen_on(self, session: asyncpg.Connection) -> None:
        """Listen until the session is lost."""
        ended = asyncio.Event()
        session.add_termination_listener(lambda _: ended.set())
        await session.add_listener(CHANNEL, lambda *_: self.give())
        self._is_listening = True
        self.give()  # for events that were numbered before
        while not ended.is_set():
            try:
                async with asyncio.timeout(_CHECK_SECONDS):
                    await ended.wait()
            except TimeoutError:
                await session.execute("SELECT 1")
