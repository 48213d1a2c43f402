"""What orak does about the schema that it finds where it starts."""

import pytest
from sqlalchemy import text

from orak.adapters.persistence.sql import migrations
from orak.entrypoints.schema import prepare_schema
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.values import Settings


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request):
    """A schema that is up to date."""
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


def test_its_own_is_not_worth_a_word(database, caplog):
    prepare_schema(Settings(database_url=database))
    assert not caplog.records


def test_a_newer_orak_s_is_worked_on_and_told_in_one_line(database, caplog):
    stamp(database, "0999")
    prepare_schema(Settings(database_url=database))
    assert [record.getMessage() for record in caplog.records] == [
        f"the schema is a newer orak's, 0999; this one knows {migrations.HEAD} and goes on"
    ]


def test_an_older_one_is_migrated_in_a_file_and_refused_where_others_share_it(database):
    migrations.downgrade(database, "0001")
    settings = Settings(database_url=database)
    if not settings.on_sqlite:
        with pytest.raises(InvalidSetting) as refused:
            prepare_schema(settings)
        assert "orak db upgrade" in refused.value.hint
        assert migrations.current(database) == "0001"
        settings = Settings(database_url=database, db_auto_upgrade=True)
    prepare_schema(settings)
    assert migrations.current(database) == migrations.HEAD


@pytest.mark.parametrize("auto", [False, True])
@pytest.mark.parametrize(
    ("revision", "said"), [("ae1027a6acf", "is not orak's"), ("1001", "later major version")]
)
def test_what_orak_cannot_work_on_is_refused_and_left_alone(database, auto, revision, said):
    stamp(database, revision)
    with pytest.raises(InvalidSetting, match=said):
        prepare_schema(Settings(database_url=database, db_auto_upgrade=auto))
    assert migrations.current(database) == revision
