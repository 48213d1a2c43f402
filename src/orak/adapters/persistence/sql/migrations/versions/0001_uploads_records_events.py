"""Create uploads, records and their events."""

import sqlalchemy as sa
from alembic import op

from orak.adapters.persistence.sql.dialect import BigId, UtcDateTime, utc_now

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and indexes."""
    op.create_table("users", _id(given=True), sa.PrimaryKeyConstraint("id", name="pk_users"))
    op.create_table(
        "songs",
        _id(given=True),
        sa.Column("title", sa.String(255)),
        sa.Column("artist", sa.String(255)),
        sa.PrimaryKeyConstraint("id", name="pk_songs"),
    )
    _create_uploads()
    _create_records()
    _create_events()
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", BigId, autoincrement=False, nullable=False),
        sa.Column("route", sa.String(100), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("fingerprint", sa.String(128), nullable=False),
        sa.Column("made_id", BigId, nullable=False),
        _time("created_at", default=True),
        sa.PrimaryKeyConstraint("user_id", "route", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    if op.get_context().dialect.name == "sqlite":
        _give_sqlite_statistics()


def _id(*, given: bool = False) -> sa.Column[int]:
    return sa.Column("id", BigId, autoincrement=not given, nullable=False)


def _time(name: str, *, nullable: bool = False, default: bool = False) -> sa.Column[object]:
    return sa.Column(name, UtcDateTime, nullable=nullable, server_default=utc_now() if default else None)


def _create_uploads() -> None:
    op.create_table(
        "uploads",
        _id(),
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("object_key", sa.String(1024), nullable=False),
        sa.Column("original_filename", sa.String(255), nullable=False),
        sa.Column("extension", sa.String(10), nullable=False),
        sa.Column("uploader_id", BigId, nullable=False),
        sa.Column("file_size", BigId, nullable=False),
        sa.Column("content_type", sa.String(100), nullable=False),
        sa.Column("directory", sa.String(100), nullable=False),
        sa.Column("declared_duration", sa.Integer),
        sa.Column("processing_status", sa.String(20), nullable=False),
        sa.Column("processing_error_message", sa.Text),
        sa.Column("failure_code", sa.String(40)),
        _time("created_at", default=True),
        _time("url_expires_at"),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("progress", sa.Integer, nullable=False),
        _time("not_before"),
        sa.Column("turn", BigId),
        _time("lease_until", nullable=True),
        sa.Column("etag", sa.String(255)),
        sa.Column("output_key", sa.String(1024)),
        sa.Column("waveform_key", sa.String(1024)),
        sa.Column("measured_duration", sa.Double),
        sa.Column("input_lufs", sa.Double),
        sa.Column("output_lufs", sa.Double),
        sa.Column("true_peak_db", sa.Double),
        _time("ended_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
        sa.ForeignKeyConstraint(["uploader_id"], ["users.id"], name="fk_uploads_uploader_id_users"),
        sa.UniqueConstraint("uuid", name="uq_uploads_uuid"),
        sa.UniqueConstraint("object_key", name="uq_uploads_object_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("idx_uploads_processing_status", "uploads", ["processing_status"])
    op.create_index("idx_uploads_directory", "uploads", ["directory"])
    waiting = "processing_status IN ('UPLOADED') AND turn IS NOT NULL"
    unnamed = "processing_status IN ('UPLOADED') AND turn IS NULL"
    awaited = "processing_status IN ('PENDING', 'EXPIRED') AND ended_at IS NULL"
    _partial_index("ix_uploads_line", ["turn", "id"], waiting)
    _partial_index("ix_uploads_own_line", ["uploader_id", "turn"], waiting)
    _partial_index("ix_uploads_leases", ["lease_until", "id"], "processing_status IN ('PROCESSING')")
    _partial_index("ix_uploads_due", ["not_before", "id"], awaited)
    _partial_index("ix_uploads_unnamed", ["created_at", "id"], unnamed)
    _partial_index("ix_uploads_ended", ["ended_at", "id"], "ended_at IS NOT NULL")


def _create_records() -> None:
    op.create_table(
        "records",
        _id(),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("song_id", BigId),
        sa.Column("upload_id", BigId, nullable=False),
        sa.Column("title", sa.String(255), nullable=False),
        sa.Column("duration_seconds", sa.Integer),
        _time("created_at", default=True),
        _time("updated_at", default=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_records"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_records_user_id_users"),
        sa.ForeignKeyConstraint(["song_id"], ["songs.id"], name="fk_records_song_id_songs"),
        sa.ForeignKeyConstraint(["upload_id"], ["uploads.id"], name="fk_records_upload_id_uploads"),
        sa.UniqueConstraint("upload_id", name="uk_records_upload_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("idx_records_user_id", "records", ["user_id"])
    op.create_index("idx_records_created_at", "records", ["created_at"])
    op.create_index("ix_records_newest", "records", ["user_id", "created_at", "id"])


def _create_events() -> None:
    op.create_table(
        "events",
        _id(),
        sa.Column("position", BigId),
        sa.Column("upload_id", BigId, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("type", sa.String(40), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        _time("at", default=True),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.UniqueConstraint("position", name="uq_events_position"),
        sa.UniqueConstraint("upload_id", "version", name="uq_events_upload_id_version"),
        sqlite_autoincrement=True,
    )
    _partial_index("ix_events_unnumbered", ["id"], "position IS NULL", table="events")
    feed = op.create_table(
        "feed",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("position", BigId, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feed"),
        sa.CheckConstraint("id = 1", name=op.f("ck_feed_one_row")),
    )
    op.bulk_insert(feed, [{"id": 1, "position": 0}])
    op.create_table(
        "feed_cursors",
        sa.Column("reader", sa.String(100), nullable=False),
        sa.Column("position", BigId, nullable=False),
        sa.PrimaryKeyConstraint("reader", name="pk_feed_cursors"),
    )


def _partial_index(name: str, columns: list[str], where: str, *, table: str = "uploads") -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def _give_sqlite_statistics() -> None:
    # Without statistics, SQLite assumes that few uploads share a processing_status. It would then sort all
    # uploads of that status instead of walking a partial index in order. These figures are realistic; see
    # "fixed results of ANALYZE", https://www.sqlite.org/lang_analyze.html §4.3.
    op.execute("ANALYZE")
    op.execute(
        "INSERT INTO sqlite_stat1 (tbl, idx, stat)"
        " VALUES ('uploads', 'idx_uploads_processing_status', '1000000 200000')"
    )


def downgrade() -> None:
    """Drop all tables."""
    for table in (
        "idempotency_keys",
        "feed_cursors",
        "feed",
        "events",
        "records",
        "uploads",
        "songs",
        "users",
    ):
        op.drop_table(table)
