"""What orak does at start with the schema that it finds."""

import pytest
from sqlalchemy import text

from orak.adapters.persistence.sql import migrations
from orak.adapters.persistence.sql.migrations import HEAD, UnusableSchema
from orak.adapters.persistence.sql.schema import prepare_schema


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request):
    """The URL of a database whose schema is up to date."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    server = request.getfixturevalue("postgresql_server")
    server.sql("CREATE DATABASE stamped")
    migrations.upgrade(server.url("stamped"))
    yield server.url("stamped")
    server.sql("DROP DATABASE stamped WITH (FORCE)")


def stamp(url, revision):
    def change(connection):
        connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})

    migrations._on(url, change)


def test_the_current_schema_is_accepted_silently(database, caplog):
    prepare_schema(database, upgrade=False)
    assert not caplog.records


def test_a_newer_schema_is_accepted_with_one_log_line(database, caplog):
    stamp(database, "0999")
    prepare_schema(database, upgrade=False)
    assert [record.getMessage() for record in caplog.records] == [
        f"the schema is at revision 0999, newer than {HEAD} of this version of orak; continuing"
    ]


def test_an_older_schema_is_migrated_in_sqlite_and_refused_on_postgresql(database):
    migrations.downgrade(database, "0001")
    if not database.startswith("sqlite:"):
        with pytest.raises(
            UnusableSchema, match=f"at revision 0001; this version of orak needs {HEAD}"
        ) as refused:
            prepare_schema(database, upgrade=False)
        assert "orak db upgrade" in refused.value.hint
        assert migrations.current(database) == "0001"
    prepare_schema(database, upgrade=True)
    assert migrations.current(database) == HEAD


@pytest.mark.parametrize("upgrade", [False, True])
@pytest.mark.parametrize(
    ("revision", "reason"), [("ae1027a6acf", "belongs to another program"), ("1001", "later major version")]
)
def test_an_unknown_schema_is_refused_and_left_alone(database, upgrade, revision, reason):
    stamp(database, revision)
    with pytest.raises(UnusableSchema, match=reason):
        prepare_schema(database, upgrade=upgrade)
    assert migrations.current(database) == revision
