import re
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, select, text

from orak.adapters.persistence.sql import migrations, postgresql
from orak.adapters.persistence.sql.migrations import HEAD, UnusableSchema, check, current, downgrade, upgrade
from orak.adapters.persistence.sql.rows import EVENT_COLUMNS, to_logged_event
from orak.adapters.persistence.sql.tables import events, metadata, uploads
from orak.application.ports.failures import Unavailable


@pytest.fixture
def file(tmp_path):
    return tmp_path / "new.db"


@pytest.fixture
def url(file):
    return f"sqlite:///{file}"


def schema(file):
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' AND name <> 'alembic_version'"
        )
        return dict(rows.fetchall())


def test_migrations_go_up_down_and_up_again_on_sqlite(file, url):
    assert (current(url), check(url)) == (None, False)
    upgrade(url)
    first = schema(file)
    assert first
    assert check(url)
    downgrade(url, "base")
    assert (current(url), check(url), schema(file)) == (None, False, {})
    upgrade(url)
    upgrade(url)  # no effect: the schema is up to date
    assert schema(file) == first


def test_head_is_the_newest_revision():
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert scripts.get_heads() == [migrations.HEAD]


def test_concurrent_migrations_of_sqlite_make_one_schema(url):
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(upgrade, [url] * 4))
    assert check(url)


def test_the_migrated_schema_equals_the_tables_on_sqlite(migrated_file):
    engine = create_engine(f"sqlite:///{migrated_file}")
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_migrated_sql_has_the_same_clauses_as_the_tables(migrated_file, tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    metadata.create_all(engine)
    engine.dispose()
    made, migrated = schema(tmp_path / "made.db"), schema(migrated_file)
    for name, sql in made.items():
        assert {*words(migrated[name])} == {*words(sql)}, name


def words(sql):
    """Return the clauses of a statement without their order.

    SQLite writes an added column on the last line, and quotes the name of a renamed table.
    """
    return {" ".join(clause.split()) for clause in re.split(r",\s|\n", sql.replace('"', ""))}


def test_ids_that_clients_see_are_never_reused(migrated_file):
    tables = schema(migrated_file)
    for table in ("uploads", "records", "events"):
        assert "AUTOINCREMENT" in tables[table]


INSERT_UPLOAD = """
    INSERT INTO uploads (uuid, object_key, original_filename, extension, uploader_id, file_size,
        content_type, directory, url_expires_at, version, attempt, failures, progress, not_before,
        processing_status)
    VALUES ('u', 'k', 'f', 'e', 1, 1, 't', 'd', '2024-01-01 00:00:00.000000', 1, 0, 0, 0, '2024', ?)
"""


def test_status_has_no_default_and_times_default_to_now(sqlite_file):
    with closing(sqlite3.connect(sqlite_file)) as connection:
        connection.execute("INSERT INTO users VALUES (1)")
        with pytest.raises(sqlite3.IntegrityError, match="processing_status"):
            connection.execute(INSERT_UPLOAD, [None])
        connection.execute(INSERT_UPLOAD, ["PENDING"])
        ((default,),) = connection.execute(
            "SELECT dflt_value FROM pragma_table_info('uploads') WHERE name = 'processing_status'"
        )
        ((made, soon),) = connection.execute("SELECT created_at, datetime('now', '+1 minute') FROM uploads")
    assert default is None
    assert len(made) == len("2024-01-01 00:00:00.000000")
    assert made < soon


EVERYTHING = (
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE 'alemb%' ORDER BY 1",
    """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE 'alembic%' ORDER BY 1, 2
    """,
    """
    SELECT table_name, column_name, data_type, column_default, is_nullable FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name NOT LIKE 'alembic%' ORDER BY 1, 2
    """,
)


@pytest.fixture
def empty_postgresql(postgresql_server):
    postgresql_server.sql('CREATE DATABASE "empty"')
    yield postgresql_server.url("empty")
    postgresql_server.sql('DROP DATABASE "empty" WITH (FORCE)')


def test_migrations_go_up_down_and_up_again_on_postgresql(empty_postgresql, postgresql_server):
    def schema():
        return postgresql_server.sql(*EVERYTHING, database="empty")

    assert (current(empty_postgresql), check(empty_postgresql)) == (None, False)
    upgrade(empty_postgresql)
    first = schema()
    assert "ix_uploads_line" in first
    assert check(empty_postgresql)
    downgrade(empty_postgresql, "base")
    assert (current(empty_postgresql), schema()) == (None, "")
    upgrade(empty_postgresql)
    upgrade(empty_postgresql)  # no effect: the schema is up to date
    assert schema() == first


def test_concurrent_migrations_of_postgresql_make_one_schema(empty_postgresql):
    command = [sys.executable, "-c", MIGRATE, empty_postgresql]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert check(empty_postgresql)


MIGRATE = "import sys; from orak.adapters.persistence.sql.migrations import upgrade; upgrade(sys.argv[1])"


def test_the_migrated_schema_equals_the_tables_on_postgresql(postgresql_server, empty_postgresql):
    def differences(connection):
        options = {"compare_type": True, "compare_server_default": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    assert postgresql.read_once(postgresql_server.url(), differences) == []
    # Alembic does not compare the conditions of partial indexes and of CHECK constraints.
    postgresql.migrate(empty_postgresql, metadata.create_all)
    made = postgresql_server.sql(*EVERYTHING, database="empty")
    assert postgresql_server.sql(*EVERYTHING) == made


def test_migrating_an_unreachable_server_is_unavailable(tmp_path):
    with pytest.raises(Unavailable) as unavailable:
        upgrade(f"postgresql://me:hush@/orak?host={tmp_path}")
    assert "hush" not in str(unavailable.value)


@pytest.fixture(params=["sqlite", "postgresql"])
def stamp(request):
    """A function that writes a revision into a current schema and returns its URL."""
    if request.param == "sqlite":
        url = request.getfixturevalue("sqlite_url")
    else:
        url = request.getfixturevalue("empty_postgresql")
        upgrade(url)

    def stamp(revision):
        def change(connection):
            connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})

        migrations.write(url, change)
        return url

    return stamp


@pytest.mark.parametrize("revision", [f"{int(HEAD) + 1:04}", "1999"])
def test_a_newer_schema_is_accepted_and_left_alone(stamp, revision):
    url = stamp(revision)
    assert check(url)
    upgrade(url)
    assert current(url) == revision


@pytest.mark.parametrize("revision", ["2000", "9999", "ae1027a6acf", "-001", "٠٠٠٩", "0003 "])
def test_an_unknown_schema_or_a_later_major_version_is_refused(stamp, revision):
    url = stamp(revision)
    for refuse in (check, upgrade):
        with pytest.raises(UnusableSchema):
            refuse(url)
    assert current(url) == revision


def test_a_process_that_waited_for_a_newer_migration_changes_nothing(empty_postgresql, postgresql_server):
    def newer(connection):
        connection.execute(text("CREATE TABLE alembic_version (version_num varchar(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('1999')"))
        waiting.append(threads.submit(upgrade, empty_postgresql))
        deadline = time.monotonic() + 20
        while postgresql_server.sql("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0":
            assert time.monotonic() < deadline
            time.sleep(0.01)

    waiting = []
    with ThreadPoolExecutor(1) as threads:
        postgresql.migrate(empty_postgresql, newer)
        waiting[0].result(20)
    assert current(empty_postgresql) == "1999"


def test_no_migration_removes_what_an_older_orak_needs():
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent)).walk_revisions()
    for script in scripts:
        up = Path(script.path).read_text().partition("def downgrade")[0]
        assert not re.search(r"drop_(table|column)|rename|new_column_name|DROP |RENAME ", up), script.path


OLD_EVENTS = {
    "recordings/{uuid}_엄마_생일.webm": "recordings/{uuid}",
    "published/{uuid}/12_엄마_생일_3.m4a": "published/{uuid}/12",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def before_0009(request):
    url = request.getfixturevalue("url" if request.param == "sqlite" else "empty_postgresql")
    upgrade(url)
    downgrade(url, "0007")
    return url


def test_stored_events_lose_the_file_names_in_their_keys(before_0009):
    uuid = "0c0f4a1e-6c7b-4f6e-9d5f-2f0b7b1f0a11"
    old, new = ([key.format(uuid=uuid) for key in keys] for keys in (OLD_EVENTS, OLD_EVENTS.values()))
    payload = (
        '{{"type":"ProcessingCompleted","userId":7,"uuid":"{uuid}","status":"COMPLETED","attempt":12,'
        '"key":"{key}","originalKey":"{original}","at":"2024-01-01T12:00:00.123456Z","recordId":5}}'
    )
    insert = text(
        "INSERT INTO events (upload_id, version, type, payload) VALUES (1, :version, 'Any', :payload)"
    )

    def store(connection):
        for version, key in enumerate(old):
            row = {"version": version, "payload": payload.format(uuid=uuid, key=key, original=old[0])}
            connection.execute(insert, row)

    def read(connection):
        rows = connection.execute(select(*EVENT_COLUMNS).order_by(events.c.version))
        return [to_logged_event(row).event for row in rows]

    migrations.write(before_0009, store)
    upgrade(before_0009)
    stored = migrations.write(before_0009, read)
    assert [event.key for event in stored] == new
    assert [(event.uuid, event.record_id, event.at.microsecond) for event in stored] == [
        (uuid, 5, 123456)
    ] * 2
    payloads = migrations.write(before_0009, lambda c: c.scalars(select(events.c.payload)).all())
    assert "생일" not in "".join(payloads)


@pytest.fixture(params=["sqlite", "postgresql"])
def before_1000(request):
    url = request.getfixturevalue("url" if request.param == "sqlite" else "empty_postgresql")
    upgrade(url)
    downgrade(url, "0009")
    return url


def test_uploads_get_the_time_of_their_last_change_and_a_message(before_1000):
    def store(connection):
        connection.execute(text("INSERT INTO users (id) VALUES (1)"))
        for id_, (status, code, message) in enumerate(
            [
                ("PENDING", None, None),
                ("FAILED", "SIZE_MISMATCH", None),
                ("FAILED", "CORRUPT", "kept"),
                ("EXPIRED", None, None),
                ("CANCELLED", None, None),
            ],
            start=1,
        ):
            row = {"id": id_, "name": str(id_), "status": status, "code": code, "message": message}
            connection.execute(text(OLD_UPLOAD), row)
        for version, kind in enumerate(("UploadRequested", "UploadRejected", "RecordChanged")):
            connection.execute(text(OLD_EVENT.format(version=version)), {"type": kind})

    def read(connection):
        rows = connection.execute(
            select(uploads.c.changed_at, uploads.c.processing_error_message).order_by(uploads.c.id)
        )
        return list(map(tuple, rows))

    migrations.write(before_1000, store)
    upgrade(before_1000)
    assert migrations.write(before_1000, read) == [
        (None, None),
        (datetime(2024, 1, 1, 12, 0, 1, tzinfo=UTC), "SIZE_MISMATCH"),
        (None, "kept"),
        (None, "UPLOAD_EXPIRED"),
        (None, "UPLOAD_CANCELLED"),
    ]


@pytest.fixture(params=["sqlite", "postgresql"])
def before_1001(request):
    url = request.getfixturevalue("url" if request.param == "sqlite" else "empty_postgresql")
    upgrade(url)
    downgrade(url, "1000")
    return url


def test_rows_from_before_the_origins_have_none(before_1001):
    def store(connection):
        connection.execute(text("INSERT INTO users (id) VALUES (1)"))
        values = {"id": 2, "name": "2", "status": "PENDING", "code": None, "message": None}
        connection.execute(text(OLD_UPLOAD), values)
        connection.execute(text(OLD_EVENT.format(version=1)), {"type": "UploadRequested"})

    def read(connection):
        columns = [table.c[name] for table in (uploads, events) for name in ("request_id", "traceparent")]
        joined = uploads.join(events, events.c.upload_id == uploads.c.id)
        return tuple(connection.execute(select(*columns).select_from(joined)).one())

    migrations.write(before_1001, store)
    upgrade(before_1001)
    assert migrations.write(before_1001, read) == (None, None, None, None)


OLD_UPLOAD = """
    INSERT INTO uploads (id, uuid, object_key, original_filename, extension, uploader_id, file_size,
        content_type, directory, url_expires_at, version, attempt, failures, progress, not_before,
        processing_status, failure_code, processing_error_message)
    VALUES (:id, :name, :name, 'f', 'e', 1, 1, 't', 'd',
        '2024-01-01 00:00:00.000000', 1, 0, 0, 0, '2024-01-01 00:00:00.000000', :status, :code, :message)
"""
OLD_EVENT = """
    INSERT INTO events (upload_id, version, type, payload, at)
    VALUES (2, {version}, :type, '{{}}', '2024-01-01 12:00:0{version}.000000')
"""
