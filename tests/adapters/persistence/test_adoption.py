"""Adoption of the original app's database, with its rows, its later writes, and databases that do not fit."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from test_migrations import EVERYTHING

from builders import an_upload
from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.persistence.sql import migrations
from orak.adapters.persistence.sql.adoption.adopt import adopt, plan_adoption
from orak.adapters.persistence.sql.database import SqlPersistence
from orak.adapters.persistence.sql.migrations import UnusableSchema
from orak.adapters.persistence.sql.schema import prepare_schema
from orak.application.events.check_event_log import CheckEventLog
from orak.application.ports.failures import StaleVersion
from orak.application.ports.page import Page
from orak.application.ports.record_intake import Creation, Wanted
from orak.application.ports.songs import Song
from orak.domain.errors import SongNotFound, SongsOfApp, UserUnknown
from orak.domain.identity import RecordId, SongId, UploadId, UserId
from orak.domain.processing import FailureCode, ProcessingStatus
from orak.domain.record import Record
from original_app import A_NEW_RECORD, LATER, OTHER_USER, USER

S = ProcessingStatus
LEASE = timedelta(seconds=30)
ROWS = {"users": 2, "songs": 1, "uploads": 8, "records": 6}

CONTENT = [f"SELECT * FROM {table} ORDER BY id" for table in ROWS]  # noqa: S608 - a constant


@pytest.fixture(params=["as created", "as migrated"])
def either(request, original_app):
    """The original app's database, without and with its own later migration."""
    if request.param == "as migrated":
        original_app(LATER)
    return original_app


@pytest.fixture
def adopted(original_app):
    assert adopt(original_app.url) is not None
    return original_app


@pytest.fixture
def clock():
    return FrozenClock(datetime.now(UTC))


@pytest.fixture
async def persistence(adopted, clock):
    async with SqlPersistence.open(adopted.url, clock=clock, lease=LEASE) as opened:
        yield opened


async def differences(persistence):
    check = CheckEventLog(persistence.histories)
    return [found async for history in check.histories() for found in await check.check(history)]


def test_the_plan_says_what_happens_to_each_row_and_changes_nothing(either):
    before = either(*EVERYTHING, *CONTENT)
    plan = plan_adoption(either.url)
    assert plan.rows == ROWS
    assert {(kind.status, kind.is_recording, kind.has_record): kind.count for kind in plan.kinds} == {
        ("COMPLETED", True, True): 1,
        ("FAILED", True, True): 1,
        ("PROCESSING", True, True): 1,
        ("UPLOADED", True, True): 3,
        ("UPLOADED", True, False): 1,
        ("UPLOADED", False, False): 1,
    }
    assert either(*EVERYTHING, *CONTENT) == before


def test_the_adopted_schema_equals_a_new_one_but_for_what_other_programs_need(either, postgresql_server):
    assert adopt(either.url).rows == ROWS
    assert migrations.check(either.url)
    adopted, new = ({*at(*EVERYTHING).splitlines()} for at in (either, postgresql_server.sql))
    assert new - adopted == {
        "CREATE UNIQUE INDEX pk_songs ON public.songs USING btree (id)",
        "CREATE UNIQUE INDEX pk_users ON public.users USING btree (id)",
        "songs|pk_songs|PRIMARY KEY (id)",
        "users|pk_users|PRIMARY KEY (id)",
        "songs|artist|character varying||YES",
        "songs|title|character varying||YES",
        "songs|id|bigint||NO",
        "users|id|bigint||NO",
        *(f"uploads|{name}|integer||NO" for name in ("attempt", "failures", "progress", "version")),
        "uploads|not_before|timestamp with time zone||NO",
        "uploads|etag|character varying||YES",
        "uploads|processing_status|character varying||NO",
        "uploads|url_expires_at|timestamp with time zone||NO",
        "records|version|integer||NO",
    }
    own = {line for line in adopted - new if re.search(r"\b(uploads|records)\b", line)}
    assert own - {line for line in own if "records_upload_id_key" in line} == {
        *(f"uploads|{name}|integer|0|NO" for name in ("attempt", "failures", "progress", "version")),
        "uploads|not_before|timestamp with time zone|'1970-01-01 00:00:00+00'::timestamp with time zone|NO",
        "uploads|processing_status|character varying|'UPLOADED'::character varying|NO",
        "uploads|etag|character varying|'*'::character varying|YES",
        "uploads|url_expires_at|timestamp with time zone|CURRENT_TIMESTAMP|NO",
        "records|version|integer|0|NO",
    }


def test_an_adopted_database_is_not_adopted_again(adopted):
    assert plan_adoption(adopted.url) is None
    assert adopt(adopted.url) is None
    migrations.upgrade(adopted.url)
    assert migrations.check(adopted.url)


async def test_every_record_is_readable_and_its_log_agrees(persistence):
    snapshots = [await persistence.snapshots.get(RecordId(record)) for record in range(1, 7)]
    assert [snapshot.upload.status for snapshot in snapshots] == [
        S.COMPLETED, S.UPLOADED, S.UPLOADED, S.UPLOADED, S.PROCESSING, S.FAILED,
    ]  # fmt: skip
    first, second, third, fourth, _, failed = snapshots
    assert first.shown().audio_key == "recordings/10000000-0000-4000-8000-000000000001_my-recording.mp3"
    assert (first.record.title, first.record.song_id, first.shown().duration_seconds) == (
        "내 첫 번째 녹음",
        1,
        180,
    )
    assert first.record.created_at == datetime(2024, 1, 1, 12, tzinfo=UTC)
    assert first.record.updated_at == datetime(2024, 1, 1, 12, 0, 30, tzinfo=UTC)
    assert (second.shown().audio_key, second.upload.key.rpartition("_")[2]) == (None, "내 녹음.mp3")
    assert third.record.created_at == third.upload.created_at
    assert fourth.record.updated_at == fourth.record.created_at
    assert (failed.shown().failure, failed.upload.error_message) == (
        FailureCode.FAILED_TOO_OFTEN,
        "codec not found",
    )
    assert await differences(persistence) == []
    listed = await persistence.snapshots.of(UserId(USER), Page(limit=9))
    assert [record.id for record in listed] == [3, 2, 1]


async def test_waiting_uploads_are_claimed_in_turns(persistence):
    claimed = [await persistence.leases.claim() for _ in range(3)]
    assert [snapshot.upload.owner_id for snapshot in claimed] == [USER, OTHER_USER, USER]
    assert await persistence.leases.claim() is None
    assert await differences(persistence) == []


async def test_a_conversion_of_the_app_is_taken_over_after_ten_minutes(persistence, clock):
    assert await persistence.leases.lost(9) == []
    clock.advance(timedelta(minutes=11))
    assert [upload.id for upload in await persistence.leases.lost(9)] == [5]


async def test_only_recordings_without_a_record_are_removed_and_a_week_later(persistence, clock):
    day = timedelta(hours=24)
    assert await persistence.arrivals.orphans(clock.now() - day, 9) == []
    clock.advance(timedelta(days=8, minutes=1))
    assert [upload.id for upload in await persistence.arrivals.orphans(clock.now() - day, 9)] == [7]
    assert [upload.id for upload in await persistence.reports.orphans(clock.now(), Page(limit=9))] == [7]


async def test_the_first_events_are_history_for_subscribers_that_begin_with_new_ones(persistence):
    assert await persistence.event_log.number() == 0
    assert await persistence.event_log.last() == 8
    logged = await persistence.event_log.after(0, 99)
    assert [event.position for event in logged] == [*range(1, 9)]
    assert {event.event.key.partition("/")[0] for event in logged} == {"recordings", "profiles"}


async def test_completed_records_can_be_converted_again(original_app, clock):
    adopt(original_app.url, convert=True)
    async with SqlPersistence.open(original_app.url, clock=clock, lease=LEASE) as persistence:
        assert (await persistence.snapshots.get(RecordId(1))).upload.is_waiting
        assert (await persistence.leases.claim(UploadId(1))) is not None
        assert await differences(persistence) == []


async def test_a_row_that_the_app_inserts_later_is_served(persistence, adopted):
    adopted(A_NEW_RECORD)
    snapshot = await persistence.snapshots.get(RecordId(7))
    assert (snapshot.record.title, snapshot.shown().duration_seconds) == ("새 녹음", 12)
    assert snapshot.upload.key == "recordings/20000000-0000-4000-8000-000000000001_new take.mp3"
    assert snapshot.upload.is_waiting
    assert await differences(persistence) == []
    claimed = await persistence.leases.claim(snapshot.upload.id)
    assert (claimed.upload.version, claimed.upload.attempt) == (1, 1)
    assert await differences(persistence) == []


async def test_the_app_may_give_nulls_where_its_tables_allowed_them(persistence, adopted):
    adopted(
        "INSERT INTO uploads (uuid, original_filename, extension, uploader_id, file_size, content_type,"
        " directory, processing_status, processing_error_message, created_at)"
        " VALUES ('u', 'n', 'n', 1, 3, 'audio/mpeg', 'recordings', NULL, NULL, NULL)",
        "INSERT INTO records (user_id, song_id, upload_id, title, duration_seconds, created_at, updated_at)"
        " SELECT 1, NULL, max(id), 't', NULL, NULL, NULL FROM uploads",
    )
    snapshot = await persistence.snapshots.get(RecordId(7))
    assert (snapshot.upload.status, snapshot.upload.key) == (S.UPLOADED, "recordings/u_n")
    assert (await persistence.leases.claim(snapshot.upload.id)) is not None


async def test_a_status_that_the_app_sets_does_not_stop_an_upload(persistence, adopted, clock):
    def app_sets(status):
        adopted(f"UPDATE uploads SET processing_status = '{status}' WHERE id = 2")  # noqa: S608 - a constant

    app_sets("PROCESSING")
    assert (await persistence.snapshots.get(RecordId(2))).upload.status is S.PROCESSING
    clock.advance(timedelta(minutes=11))
    assert 2 in [upload.id for upload in await persistence.leases.lost(9)]
    app_sets("COMPLETED")
    assert (await persistence.snapshots.get(RecordId(2))).shown().audio_key is not None
    app_sets("FAILED")
    failures = await persistence.reports.failures(Page(limit=9))
    assert [(failure.upload.id, failure.upload.failure) for failure in failures] == [
        (6, FailureCode.FAILED_TOO_OFTEN), (2, FailureCode.FAILED_TOO_OFTEN),
    ]  # fmt: skip
    adopted("UPDATE uploads SET processing_status = 'UPLOADED', turn = NULL WHERE id = 2")
    assert (await persistence.leases.claim(UploadId(2))) is not None


async def test_an_upload_that_the_app_completes_is_complete_in_every_field(persistence, adopted):
    for status in ("PROCESSING", "FAILED", "COMPLETED"):
        adopted(f"UPDATE uploads SET processing_status = '{status}' WHERE id = 2")  # noqa: S608 - a constant
    async with persistence.transaction() as tx:
        upload = await tx.uploads.get(UploadId(2))
    assert (upload.status, upload.progress, upload.shown_failure) == (S.COMPLETED, 100, None)
    assert upload.changed_at is not None


async def test_an_adoption_does_not_wait_for_a_long_transaction_of_the_app(original_app):
    def hold(connection):
        connection.execute(text("SELECT count(*) FROM uploads"))
        with ThreadPoolExecutor(1) as thread, pytest.raises(UnusableSchema, match="has held the tables"):
            thread.submit(adopt, original_app.url).result()

    before = original_app(*EVERYTHING)
    await asyncio.to_thread(migrations.read, original_app.url, hold)
    assert original_app(*EVERYTHING) == before


async def test_users_and_songs_stay_the_app_s(persistence, adopted):
    async with persistence.transaction() as tx:
        await tx.users.ensure(UserId(USER))
        await tx.songs.check(SongId(1))
        with pytest.raises(SongNotFound):
            await tx.songs.check(SongId(2))
        with pytest.raises(UserUnknown):
            await tx.users.ensure(UserId(3))
        with pytest.raises(SongsOfApp):
            await tx.songs.put([Song(SongId(2))])
        assert await tx.songs.page(after=None, limit=9) == [Song(SongId(1), "노래", None)]
    await persistence.intake.add(an_upload(UserId(USER)))
    with pytest.raises(UserUnknown):
        await persistence.intake.add(an_upload(UserId(3)))
    assert adopted("SELECT id FROM users ORDER BY id") == "1\n2"


async def test_a_second_record_is_refused_whichever_constraint_says_so(either, clock):
    adopt(either.url)
    record = Record(UserId(USER), UploadId(1), "다시", clock.now(), clock.now())
    async with SqlPersistence.open(either.url, clock=clock, lease=LEASE) as persistence:
        upload = await persistence.snapshots.upload(UploadId(1))
        with pytest.raises(StaleVersion):
            await persistence.record_intake.add(Creation(record, upload, None))
        assert (await persistence.record_intake.find(Wanted(upload.id))).upload.record_id == RecordId(1)


@pytest.mark.parametrize("ids", ["BIGSERIAL", "GENERATED ALWAYS AS IDENTITY (START 100)"])
async def test_the_app_s_table_gives_new_records_their_ids(original_app, clock, ids):
    if ids != "BIGSERIAL":
        original_app("ALTER TABLE records ALTER id DROP DEFAULT", f"ALTER TABLE records ALTER id ADD {ids}")
    adopt(original_app.url)
    async with SqlPersistence.open(original_app.url, clock=clock, lease=LEASE) as persistence:
        upload = await persistence.snapshots.upload(UploadId(7))
        record = Record(UserId(USER), UploadId(7), "일곱", clock.now(), clock.now(), song_id=SongId(1))
        made = await persistence.record_intake.add(Creation(record, upload, None))
        assert await persistence.snapshots.get(made.record.id) == made
        assert (made.record.id >= 100) == (ids != "BIGSERIAL")
        assert await differences(persistence) == []


async def test_a_user_whom_the_app_removes_meanwhile_is_unknown(persistence, clock):
    upload = await persistence.intake.add(an_upload(UserId(OTHER_USER)))
    record = Record(UserId(3), upload.id, "셋", clock.now(), clock.now())
    with pytest.raises(UserUnknown):
        await persistence.record_intake.add(Creation(record, upload, None))
    assert await persistence.snapshots.upload(upload.id) == upload


ADD_GENRE = "ALTER TABLE records ADD genre text; UPDATE records SET genre = 'ballad'"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("ALTER TABLE records DROP COLUMN song_id", "records has no column song_id"),
        ("ALTER TABLE uploads ALTER file_size TYPE integer", "uploads.file_size is INTEGER, not BIGINT"),
        ("ALTER TABLE uploads ALTER uuid DROP NOT NULL", "uploads.uuid may be NULL"),
        ("ALTER TABLE uploads ADD version integer", "uploads already has a column version"),
        (f"{ADD_GENRE}; ALTER TABLE records ALTER genre SET NOT NULL",
         "records.genre is NOT NULL without a default"),
        ("ALTER TABLE uploads ADD CONSTRAINT known CHECK (processing_status <> 'PENDING')",
         "the constraint known limits processing_status"),
        ("CREATE TABLE events (id integer)", "events is the name of a table that orak needs"),
        ("CREATE INDEX idx_records_user_id ON records (title)", "the index idx_records_user_id is on other"),
        ("UPDATE uploads SET processing_status = 'DONE' WHERE id < 3",
         "uploads with a status that orak does not know: 2"),
        ("ALTER TABLE records DROP CONSTRAINT records_user_id_fkey; UPDATE records SET user_id = 9",
         "a record without an upload, user or song: 6"),
    ],
)  # fmt: skip
def test_tables_that_do_not_fit_are_refused_with_the_reason(original_app, change, reason):
    original_app(change)
    for refuse in (plan_adoption, adopt):
        with pytest.raises(UnusableSchema, match=re.escape(reason)):
            refuse(original_app.url)
    assert migrations.current(original_app.url) is None


def test_a_step_that_the_database_refuses_leaves_everything_as_it_was(original_app):
    original_app("CREATE VIEW newest AS SELECT created_at FROM records")
    before = original_app(*EVERYTHING, *CONTENT)
    with pytest.raises(UnusableSchema, match="used by a view") as refused:
        adopt(original_app.url)
    assert "nothing was changed" in refused.value.hint
    assert original_app(*EVERYTHING, *CONTENT) == before


def test_nobody_adopts_by_accident(original_app):
    for upgrade in (False, True):
        with pytest.raises(UnusableSchema, match="tables of another app") as refused:
            prepare_schema(original_app.url, upgrade=upgrade)
        assert "orak db upgrade --dry-run" in refused.value.hint


def test_the_tables_of_the_app_are_never_dropped(adopted):
    with pytest.raises(UnusableSchema, match="adopted"):
        migrations.downgrade(adopted.url, "base")
    assert adopted("SELECT count(*) FROM users") == "2"


@pytest.fixture
def other_database(postgresql_server):
    postgresql_server.sql("CREATE DATABASE other")
    yield postgresql_server.url("other")
    postgresql_server.sql("DROP DATABASE other WITH (FORCE)")


def create(url, *tables):
    migrations.write(
        url, lambda connection: [connection.execute(text(f"CREATE TABLE {t} (id int)")) for t in tables]
    )


def test_orak_makes_its_tables_beside_others_but_never_takes_their_names(other_database):
    create(other_database, "orders")
    migrations.upgrade(other_database)
    assert migrations.check(other_database)


@pytest.mark.parametrize("tables", [["users"], ["users", "songs"], ["settings"], ["records", "uploads"]])
def test_some_tables_with_orak_s_names_are_refused(other_database, tables):
    create(other_database, *tables)
    assert plan_adoption(other_database) is None
    with pytest.raises(UnusableSchema, match="belongs to another program") as refused:
        migrations.upgrade(other_database)
    assert ", ".join(sorted(tables)) in str(refused.value)
    assert "separate database" in refused.value.hint
