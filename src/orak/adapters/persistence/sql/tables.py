"""The tables, their indexes, and the conditions of partial indexes."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    literal_column,
)
from sqlalchemy.sql.elements import ColumnElement

from orak.adapters.persistence.sql.dialect import BigId, UtcDateTime, utc_now
from orak.domain.processing import ProcessingStatus

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

users = Table(
    "users",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=False),
)

songs = Table(
    "songs",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=False),
    Column("title", String(255)),
    Column("artist", String(255)),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("uuid", String(36), nullable=False, unique=True),
    Column("object_key", String(1024), nullable=False, unique=True),
    Column("original_filename", String(255), nullable=False),
    Column("extension", String(10), nullable=False),
    Column("uploader_id", BigId, ForeignKey(users.c.id), nullable=False),
    Column("file_size", BigId, nullable=False),
    Column("content_type", String(100), nullable=False),
    Column("directory", String(100), nullable=False),
    Column("declared_duration", Integer),
    Column("processing_status", String(20), nullable=False),
    Column("processing_error_message", Text),
    Column("failure_code", String(40)),
    Column("created_at", UtcDateTime, nullable=False, server_default=utc_now()),
    Column("url_expires_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("progress", Integer, nullable=False),
    # The Unix epoch means "at once" (rows.py): one comparison is enough, and it sorts first everywhere.
    Column("not_before", UtcDateTime, nullable=False),
    Column("turn", BigId),  # place in line of a waiting or running upload, else NULL
    Column("lease_until", UtcDateTime),
    Column("etag", String(255)),
    Column("output_key", String(1024)),
    Column("waveform_key", String(1024)),
    Column("measured_duration", Double),
    Column("input_lufs", Double),
    Column("output_lufs", Double),
    Column("true_peak_db", Double),
    Column("limited_by", String(20)),
    Column("changed_at", UtcDateTime),  # when status or progress last changed; NULL if they never did
    Column("request_id", String(128)),  # the origin; NULL if no request of orak's API led to the upload
    Column("traceparent", String(55)),
    Column("ended_at", UtcDateTime),  # when the row became a tombstone: only a purge can follow
    sqlite_autoincrement=True,
)

records = Table(
    "records",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("user_id", BigId, ForeignKey(users.c.id), nullable=False),
    Column("song_id", BigId, ForeignKey(songs.c.id)),
    Column("upload_id", BigId, ForeignKey(uploads.c.id), nullable=False),
    Column("title", String(255), nullable=False),
    Column("duration_seconds", Integer),
    Column("created_at", UtcDateTime, nullable=False, server_default=utc_now()),
    Column("updated_at", UtcDateTime, nullable=False, server_default=utc_now()),
    Column("version", Integer, nullable=False),
    UniqueConstraint("upload_id", name="uk_records_upload_id"),
    sqlite_autoincrement=True,
)

# No foreign keys: events outlive their uploads and records.
events = Table(
    "events",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("position", BigId, unique=True),  # feed position, given after commit
    Column("upload_id", BigId, nullable=False),
    Column("version", Integer, nullable=False),
    Column("type", String(40), nullable=False),
    Column("payload", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False, server_default=utc_now()),
    Column("user_id", BigId),  # copied from the payload, to find the events of one user by index
    Column("request_id", String(128)),
    Column("traceparent", String(55)),
    UniqueConstraint("upload_id", "version"),
    Index("ix_events_own", "user_id", "position"),
    sqlite_autoincrement=True,
)

feed = Table(
    "feed",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("position", BigId, nullable=False),  # the last position given
    CheckConstraint("id = 1", name="one_row"),
)

feed_cursors = Table(
    "feed_cursors",
    metadata,
    Column("reader", String(100), primary_key=True),
    Column("position", BigId, nullable=False),
    Column("held_by", String(100)),
    Column("held_until", UtcDateTime),
)

# Events that a subscriber could not handle yet and set aside. The column `reader` names the subscriber.
deferred_facts = Table(
    "deferred_facts",
    metadata,
    Column("reader", String(100), primary_key=True),
    Column("position", BigId, primary_key=True, autoincrement=False),
    Column("upload_id", BigId, nullable=False, server_default="0"),
    Column("due_at", UtcDateTime, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Index("ix_deferred_facts_due", "reader", "due_at", "position"),
    Index("ix_deferred_facts_upload", "reader", "upload_id", "position"),
)

# Only the hash of a ticket is stored.
live_tickets = Table(
    "live_tickets",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("user_id", BigId, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    Column("token_expires_at", UtcDateTime, nullable=False),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("url", String(2000), nullable=False),
    Column("event_types", Text),  # a JSON array; NULL means all types
    Column("secret", String(100), nullable=False),  # in clear text, because signing needs it
    Column("previous_secret", String(100)),
    Column("rotated_at", UtcDateTime),
    Column("enabled", Boolean, nullable=False),
    Column("disabled_reason", String(255)),
    Column("created_at", UtcDateTime, nullable=False, server_default=utc_now()),
    sqlite_autoincrement=True,
)

# No foreign key: the webhook endpoint of the settings has no row in `webhook_endpoints`.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("endpoint_id", BigId, nullable=False),
    Column("position", BigId, nullable=False),
    Column("event_id", BigId, nullable=False),
    Column("upload_id", BigId, nullable=False),
    Column("type", String(40), nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("outcome", String(20), nullable=False),
    Column("status_code", Integer),
    Column("said", Text, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Index("ix_webhook_deliveries_log", "endpoint_id", "id"),
    sqlite_autoincrement=True,
)

# Settings that operators change at run time, and counters and times that all processes share.
settings = Table(
    "settings",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("value", Text, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", BigId, primary_key=True, autoincrement=False),
    Column("route", String(100), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(128), nullable=False),
    Column("made_id", BigId, nullable=False),
    Column("created_at", UtcDateTime, nullable=False, server_default=utc_now(), index=True),
)


def _status_in(*statuses: ProcessingStatus) -> ColumnElement[bool]:
    # Literals, not parameters: the planner must see that the condition implies that of a partial index.
    return uploads.c.processing_status.in_([literal_column(f"'{status.value}'") for status in statuses])


WAITING = and_(_status_in(ProcessingStatus.UPLOADED), uploads.c.turn.is_not(None))
"""Arrived, with a Record: a worker may claim it."""

UNNAMED = and_(_status_in(ProcessingStatus.UPLOADED), uploads.c.turn.is_(None))
"""Arrived, without a Record."""

PROCESSING = _status_in(ProcessingStatus.PROCESSING)
"""Claimed by a worker, which holds the lease."""

AWAITED = and_(_status_in(ProcessingStatus.PENDING, ProcessingStatus.EXPIRED), uploads.c.ended_at.is_(None))
"""Waiting for the object; an object that arrives is verified."""

ENDED = uploads.c.ended_at.is_not(None)
"""A tombstone: only a purge can follow."""

COMPLETED = _status_in(ProcessingStatus.COMPLETED)
"""Converted."""

FAILED = _status_in(ProcessingStatus.FAILED)
"""Failed for good: the dead letters, and uploads that were rejected."""

UNNUMBERED = events.c.position.is_(None)
"""Committed, without a feed position yet."""


def _partial_index(name: str, *columns: Column[object], of: ColumnElement[bool]) -> None:
    Index(name, *columns, sqlite_where=of, postgresql_where=of)


Index("idx_records_user_id", records.c.user_id)
Index("idx_records_created_at", records.c.created_at)
Index("idx_uploads_processing_status", uploads.c.processing_status)
Index("idx_uploads_directory", uploads.c.directory)
# The list of an owner's records, newest first: databases read the index backwards, so it needs no DESC.
Index("ix_records_newest", records.c.user_id, records.c.created_at, records.c.id)
_partial_index("ix_uploads_line", uploads.c.turn, uploads.c.id, of=WAITING)
_partial_index("ix_uploads_own_line", uploads.c.uploader_id, uploads.c.turn, of=WAITING)
_partial_index("ix_uploads_leases", uploads.c.lease_until, uploads.c.id, of=PROCESSING)
_partial_index("ix_uploads_due", uploads.c.not_before, uploads.c.id, of=AWAITED)
_partial_index("ix_uploads_unnamed", uploads.c.created_at, uploads.c.id, of=UNNAMED)
_partial_index("ix_uploads_ended", uploads.c.ended_at, uploads.c.id, of=ENDED)
_partial_index("ix_uploads_failed", uploads.c.id, of=FAILED)
_partial_index("ix_events_unnumbered", events.c.id, of=UNNUMBERED)
