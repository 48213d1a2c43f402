"""Databases for tests, migrated once: every test gets a copy or empty tables."""

import shutil

import pytest

from orak.adapters.persistence.sql.migrations import upgrade
from postgresql_server import Server


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("migrated") / "orak.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_file(migrated_file, tmp_path):
    return shutil.copy(migrated_file, tmp_path / "orak.db")


@pytest.fixture
def sqlite_url(sqlite_file):
    return f"sqlite:///{sqlite_file}"


EMPTY = """
    DELETE FROM idempotency_keys; DELETE FROM records; DELETE FROM uploads; DELETE FROM songs;
    DELETE FROM users; DELETE FROM events; DELETE FROM feed_cursors; DELETE FROM deferred_facts;
    DELETE FROM settings; DELETE FROM live_tickets;
    DELETE FROM webhook_endpoints; DELETE FROM webhook_deliveries; UPDATE feed SET position = 0;
    ALTER SEQUENCE uploads_id_seq RESTART; ALTER SEQUENCE records_id_seq RESTART;
    ALTER SEQUENCE events_id_seq RESTART; ALTER SEQUENCE webhook_endpoints_id_seq RESTART;
    ALTER SEQUENCE webhook_deliveries_id_seq RESTART
"""


@pytest.fixture(scope="session")
def postgresql_server():
    """One server for all tests of this process, with a current schema."""
    server = Server()
    try:
        server.start()
        upgrade(server.url())
        yield server
    finally:
        server.close()


@pytest.fixture
def postgresql_url(postgresql_server):
    """A database with empty tables.

    Emptying the tables is ten times faster than creating a database.
    """
    postgresql_server.sql(EMPTY)
    return postgresql_server.url()
