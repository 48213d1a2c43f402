"""What orak does at start with the schema that it finds."""

import sqlite3
from contextlib import closing

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

    migrations.write(url, change)


def test_the_current_schema_is_accepted_silently(database, caplog):
    prepare_schema(database, upgrade=False)
    assert not caplog.records


def test_a_newer_schema_is_accepted_with_one_log_line(database, caplog):
    stamp(database, "1999")
    prepare_schema(database, upgrade=False)
    assert [record.getMessage() for record in caplog.records] == [
        f"the schema is at revision 1999, newer than {HEAD} of this version of orak; continuing"
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
    ("revision", "reason"), [("ae1027a6acf", "belongs to another program"), ("2000", "later major version")]
)
def test_an_unknown_schema_is_refused_and_left_alone(database, upgrade, revision, reason):
    stamp(database, revision)
    with pytest.raises(UnusableSchema, match=reason):
        prepare_schema(database, upgrade=upgrade)
    assert migrations.current(database) == revision


FOREIGN = {
    "a table": "CREATE TABLE takes (id INTEGER)",
    "its own alembic": "CREATE TABLE alembic_version AS SELECT '0003' AS version_num",
    "the original app's tables": "; ".join(
        f"CREATE TABLE {table} (id INTEGER)" for table in ("users", "songs", "uploads", "records")
    ),
}


@pytest.mark.parametrize("sql", FOREIGN.values(), ids=FOREIGN)
def test_a_sqlite_file_of_another_program_is_refused_and_not_touched(tmp_path, sql):
    file = tmp_path / "its.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(sql)
    before = file.read_bytes()
    for refuse in (prepare_schema_of, migrations.check, migrations.upgrade):
        with pytest.raises(UnusableSchema, match="belongs to another program") as refused:
            refuse(f"sqlite:///{file}")
        assert refused.value.hint == "use a separate database for orak"
    assert (file.read_bytes(), [*tmp_path.iterdir()]) == (before, [file])


def prepare_schema_of(url):
    prepare_schema(url, upgrade=False)


def test_an_empty_sqlite_file_is_migrated(tmp_path):
    (tmp_path / "empty.db").touch()
    prepare_schema(f"sqlite:///{tmp_path / 'empty.db'}", upgrade=False)
    assert migrations.check(f"sqlite:///{tmp_path / 'empty.db'}")


def test_a_missing_sqlite_file_is_not_made_by_a_check(tmp_path):
    assert not migrations.check(f"sqlite:///{tmp_path / 'new.db'}")
    assert [*tmp_path.iterdir()] == []
