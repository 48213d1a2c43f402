"""How processes on one PostgreSQL database hear of each other's events."""

import asyncio
from datetime import timedelta

import pytest

from builders import an_upload
from orak.adapters.persistence.sql import postgresql_signal
from orak.adapters.persistence.sql.database import SqlPersistence
from orak.adapters.persistence.sql.postgresql_session import Sessions
from orak.adapters.persistence.sql.postgresql_signal import PostgresqlSignal

LEASE = timedelta(seconds=30)
DEADLINE = 20

LISTENERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE query ILIKE 'LISTEN%' AND datname = current_database()"
)
END_LISTENERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE query ILIKE 'LISTEN%' AND datname = current_database()"
)


class Heard:
    """Counts the signals of a persistence."""

    def __init__(self, persistence) -> None:
        self.signal = persistence.event_signal
        self.count = 0
        self.changed = asyncio.Condition()
        self.signal.listen(self._note)

    def _note(self) -> None:
        self.count += 1
        self._told = asyncio.ensure_future(self._tell())

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, condition) -> None:
        async with asyncio.timeout(DEADLINE), self.changed:
            await self.changed.wait_for(condition)


@pytest.fixture
async def other(postgresql_url, clock):
    async with SqlPersistence.open(postgresql_url, clock=clock, lease=LEASE) as opened:
        yield opened


async def listening(persistence) -> Heard:
    heard = Heard(persistence)
    await heard.until(lambda: heard.signal.hears_every_process)
    return heard


async def test_events_that_another_process_numbers_are_heard_of(postgresql, other):
    heard = await listening(postgresql)
    await other.intake.add(an_upload())
    before = heard.count
    await other.event_log.number()
    await heard.until(lambda: heard.count > before)


async def test_a_lost_session_is_noticed_and_opened_again(
    postgresql, other, postgresql_server, postgresql_url
):
    heard = await listening(postgresql)
    before = heard.count
    database = postgresql_url.partition("?")[0].rpartition("/")[2]
    postgresql_server.sql(END_LISTENERS, database=database)
    await heard.until(lambda: heard.count > before and not heard.signal.hears_every_process)
    await heard.until(lambda: heard.signal.hears_every_process)
    await other.intake.add(an_upload())
    before = heard.count
    await other.event_log.number()
    await heard.until(lambda: heard.count > before)


async def test_only_a_process_that_reads_the_log_opens_a_session_to_listen(
    postgresql, postgresql_server, postgresql_url
):
    await postgresql.intake.add(an_upload())
    await postgresql.event_log.number()
    database = postgresql_url.partition("?")[0].rpartition("/")[2]
    assert postgresql_server.sql(LISTENERS, database=database) == "0"
    await listening(postgresql)
    assert postgresql_server.sql(LISTENERS, database=database) == "1"


async def test_a_process_without_a_database_hears_of_its_own_events_only(postgresql_url, clock):
    url = postgresql_url.replace("host=", "host=/nowhere")
    async with SqlPersistence.open(url, clock=clock, lease=LEASE) as none:
        Heard(none)
        await asyncio.sleep(0)
        assert not none.event_signal.hears_every_process


async def test_it_listens_again_after_any_error(postgresql_url, monkeypatch):
    monkeypatch.setattr(postgresql_signal, "_RETRY_SECONDS", 0.01)
    sessions = Sessions(postgresql_url, {}, answer_timeout=7)
    open_session, listening = sessions.open, asyncio.Event()
    errors = [ValueError("not an error of the server"), RuntimeError("nor this one")]

    async def opened():
        if errors:
            raise errors.pop()
        return await open_session()

    monkeypatch.setattr(sessions, "open", opened)
    signal = PostgresqlSignal(sessions)
    signal.listen(lambda: listening.set() if signal.hears_every_process else None)
    async with asyncio.timeout(20):
        await listening.wait()
    await signal.close()
