"""A PostgreSQL server that stops taking writes, and another one that takes over."""

import asyncio
import contextlib
from datetime import timedelta

import pytest

from builders import START, an_upload, saved
from http_api import NEW_UPLOAD, presign, refusal
from orak.adapters.persistence.sql.database import SqlPersistence
from orak.adapters.persistence.sql.migrations import upgrade
from orak.adapters.persistence.sql.postgresql import read_once
from orak.application.ports.failures import Unavailable
from postgresql_server import Server
from served import in_process

LEASE = timedelta(seconds=30)


@contextlib.contextmanager
def read_only(server):
    """Make *server* refuse writes, in sessions that are open too."""
    server.sql("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    try:
        yield
    finally:
        server.sql(
            "SET default_transaction_read_only = off",
            "ALTER SYSTEM RESET default_transaction_read_only",
            "SELECT pg_reload_conf()",
        )


def sessions(server):
    return set(
        server.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'orak'").split(),
    )


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - of a server, which sets no event
            await asyncio.sleep(0.01)


async def fill_the_pool(persistence):
    await asyncio.gather(*(persistence.now() for _ in range(10)))


async def refused(call):
    """Wait until *call* is refused: a server reloads its configuration a moment after it was told to."""

    async def is_refused():
        try:
            await call()
        except Unavailable:
            return True
        return False

    async with asyncio.timeout(20):
        while not await is_refused():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("write", ["an upload", "a transaction", "the readiness probe"])
async def test_the_first_refused_write_empties_the_pool(postgresql, postgresql_server, write):
    upload = await postgresql.intake.add(an_upload())
    await fill_the_pool(postgresql)
    before = sessions(postgresql_server)
    assert len(before) > 1
    writes = {
        "an upload": lambda: postgresql.intake.add(an_upload()),
        "a transaction": lambda: saved(postgresql, upload.cancel(at=START)),
        "the readiness probe": postgresql.check_writable,
    }
    with read_only(postgresql_server):
        await refused(writes[write])
        with pytest.raises(Unavailable, match="read-only"):  # even reads: another server may be newer
            await postgresql.now()
        with pytest.raises(Unavailable, match="read-only"):
            read_once(postgresql_server.url(), lambda connection: connection)
    await fill_the_pool(postgresql)
    await postgresql.check_writable()
    await until(lambda: not before & sessions(postgresql_server))


async def test_clients_get_503_while_the_server_is_read_only(postgresql_url, postgresql_server, tmp_path):
    async with in_process(tmp_path, database_url=postgresql_url) as client:
        await presign(client)
        with read_only(postgresql_server):
            async with asyncio.timeout(20):
                while (unready := await client.get("/health/ready")).status_code == 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert unready.json()["error"]["details"][0]["field"] == "database"
            for refused in (
                await client.post("/records/async/presigned-url", json=NEW_UPLOAD),
                await client.get("/records/async/me"),
                unready,
            ):
                assert refusal(refused) == (503, "UNAVAILABLE")
                assert refused.headers["retry-after"]
        assert (await client.get("/health/ready")).status_code == 200
        await presign(client)


class Address:
    """A TCP port that leads to one server or another."""

    def __init__(self, server) -> None:
        self.server = server

    async def pass_on(self, reader, writer):
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_unix_connection(f"{self.server.folder}/.s.PGSQL.5432")
            await asyncio.gather(self._pipe(reader, back), self._pipe(there, writer))
        writer.close()

    async def _pipe(self, source, target):
        with contextlib.suppress(OSError):
            while some := await source.read(2**16):
                target.write(some)
                await target.drain()
        target.close()


@pytest.fixture
def pair():
    """A primary with a schema, and its standby."""
    with contextlib.ExitStack() as stack:
        primary = Server()
        stack.callback(primary.close)
        primary.start()
        upgrade(primary.url())
        standby = Server(primary)
        stack.callback(standby.close)
        standby.start()
        yield primary, standby


def switch_over(primary, standby):
    primary.stop()
    standby.promote()
    primary.follow(standby)
    primary.start()


async def test_a_switchover_needs_no_restart_of_orak(pair, clock):
    primary, standby = pair
    address = Address(primary)
    server = await asyncio.start_server(address.pass_on, "127.0.0.1", 0)
    one = f"postgresql://postgres@127.0.0.1:{server.sockets[0].getsockname()[1]}/postgres"
    both = f"postgresql://postgres@/postgres?host={primary.folder},{standby.folder}"
    async with (
        server,
        SqlPersistence.open(one, clock=clock, lease=LEASE) as by_address,
        SqlPersistence.open(both, clock=clock, lease=LEASE) as by_list,
    ):
        for persistence in (by_address, by_list):
            await persistence.intake.add(an_upload())
            await fill_the_pool(persistence)
        await asyncio.to_thread(switch_over, primary, standby)
        await by_list.intake.add(an_upload())
        for call in (by_address.check_writable, by_address.now, lambda: by_address.intake.add(an_upload())):
            with pytest.raises(Unavailable, match=r"standby|not stored"):
                await call()
        address.server = standby
        await by_address.intake.add(an_upload())
        await by_address.check_writable()
        assert standby.sql("SELECT count(*) FROM uploads") == "4"
        await by_address.close()  # so that the proxy has no connections left
