from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace
from sqlalchemy import BigInteger, Column, Integer, bindparam, insert, select
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections, Violation
from orak.adapters.persistence.sql.given_rows import encoded, given_rows
from orak.adapters.persistence.sql.groups import Groups
from orak.adapters.persistence.sql.idempotency_keys import (
    CALL_COLUMNS,
    FirstCall,
    find_keys,
    is_first_call,
    keep_keys,
    key_of,
)
from orak.adapters.persistence.sql.postgresql_record_intake import ADD_RECORDS, add_parameters
from orak.adapters.persistence.sql.rows import UPLOAD_COLUMNS, record_values, to_upload
from orak.adapters.persistence.sql.statements import Row, Statement
from orak.adapters.persistence.sql.tables import idempotency_keys, records, songs, uploads
from orak.adapters.persistence.sql.uploads import save_uploads
from orak.application.ports.clock import Clock
from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.ports.idempotency_keys import KEY_LIFE
from orak.application.ports.record_intake import Creation, Found, Wanted
from orak.application.ports.traces import Traces
from orak.domain.errors import IdempotencyMismatch, OrakError, UserUnknown
from orak.domain.identity import RecordId, UploadId
from orak.domain.record import RecordSnapshot

_WANTED = (
    Column("place", Integer),
    Column("upload_id", BigInteger),
    Column("song_id", BigInteger),
    *CALL_COLUMNS,
)


_wanted = given_rows("wanted", _WANTED)
_FIND = Statement(
    select(
        *UPLOAD_COLUMNS,
        records.c.id,
        _wanted.c.place,
        songs.c.id,
        idempotency_keys.c.fingerprint,
        idempotency_keys.c.made_id,
    ).select_from(
        _wanted.outerjoin(uploads, uploads.c.id == _wanted.c.upload_id)
        .outerjoin(records, records.c.upload_id == uploads.c.id)
        .outerjoin(songs, songs.c.id == _wanted.c.song_id)
        .outerjoin(idempotency_keys, is_first_call(_wanted.c.user_id, _wanted.c.route, _wanted.c.key))
    )
)
_LOCK_PAUSES_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Pauses between attempts to store the record of an upload that another writer has locked."""

_VERSIONS = select(uploads.c.id, uploads.c.version).where(uploads.c.id.in_(bindparam("ids", expanding=True)))
_ADD_RECORDS = insert(records).returning(records.c.id, records.c.upload_id)


def _found(wanted: Wanted, row: Row) -> Found | IdempotencyMismatch:
    _, song_id, fingerprint, made_id = row[-4:]
    made = None
    if wanted.idempotency_key is not None and made_id is not None:
        try:
            made = FirstCall(fingerprint, made_id).made_for(wanted.idempotency_key)
        except IdempotencyMismatch as mismatch:
            return mismatch
    return Found(
        None if row[0] is None else to_upload(row),
        wanted.song_id is None or song_id is not None,
        None if made is None else RecordId(made),
    )


def _wanted_values(place: int, wanted: Wanted) -> Mapping[str, object]:
    key = wanted.idempotency_key
    return {
        "place": place,
        "upload_id": wanted.upload_id,
        "song_id": wanted.song_id,
        "user_id": key and key.user_id,
        "route": key and key.route,
        "key": key and key.key,
    }


def _first_calls(group: Sequence[Creation]) -> dict[UploadId, Creation]:
    new: dict[UploadId, Creation] = {}
    keys = set()
    for creation in group:
        key = creation.idempotency_key and key_of(creation.idempotency_key)
        if creation.upload.id not in new and (key is None or key not in keys):
            new[creation.upload.id] = creation
            keys.add(key)
    return new


def _add(connection: Connection, new: Sequence[Creation], now: datetime) -> Mapping[UploadId, RecordId]:
    """Store new records on SQLite: no other writer comes between the statements of a transaction.

    Return the new ids by upload. A record is missing if its upload changed since it was read, or another call
    used its idempotency key.
    """
    found = connection.execute(_VERSIONS, {"ids": [creation.upload.id for creation in new]})
    versions = {row.id: row.version for row in found}
    used = find_keys(connection, [one.idempotency_key for one in new if one.idempotency_key], now)
    able = [
        creation
        for creation in new
        if versions.get(creation.upload.id) == creation.upload.version
        and (creation.idempotency_key is None or key_of(creation.idempotency_key) not in used)
    ]
    if not able:
        return {}
    added = connection.execute(_ADD_RECORDS, [record_values(creation.record) for creation in able])
    ids = {row.upload_id: row.id for row in added}  # RETURNING promises no order
    changes = []
    for creation in able:
        saved, events = creation.saved_as(ids[creation.upload.id])
        changes.append((replace(saved.upload, version=creation.upload.version), events))
    save_uploads(connection, changes)
    made = [(one.idempotency_key, ids[one.upload.id]) for one in able if one.idempotency_key]
    keep_keys(connection, made, now)
    return ids


def _refusal(creation: Creation, refused: StaleVersion) -> OrakError:
    if isinstance(refused, Violation) and refused.constraint == "fk_records_user_id_users":
        return UserUnknown(creation.record.owner_id)  # the app, which owns the users, has removed this one
    return refused


class _UploadLocked(Unavailable):
    """Another writer has locked the upload, and may change it."""


class SqlRecordIntake:
    """The port `RecordIntake` on SQL: reads and writes in groups, each by one statement on PostgreSQL."""

    def __init__(
        self,
        connections: Connections,
        committed: Callable[[], None],
        clock: Clock,
        traces: Traces | None = None,
    ) -> None:
        """Read and write on *connections*, and call *committed* after each group of new records."""
        self._connections = connections
        self._committed = committed
        self._clock = clock
        self._reads: Groups[Wanted, Found] = Groups(
            self._find, failure="the upload was not read", traces=traces, name="read upload"
        )
        self._writes: Groups[Creation, RecordSnapshot] = Groups(
            self._store,
            refusal=_refusal,
            failure="the record was not stored",
            traces=traces,
            name="store record",
        )

    async def find(self, wanted: Wanted) -> Found:
        return await self._reads.ask(wanted)

    async def add(self, creation: Creation) -> RecordSnapshot:
        for pause in _LOCK_PAUSES_SECONDS:
            try:
                return await self._writes.ask(creation)
            except _UploadLocked:
                await self._clock.sleep(pause)
        return await self._writes.ask(creation)

    async def close(self) -> None:
        """Refuse further records, and write those that wait."""
        await self._writes.close()
        await self._reads.close()

    async def _find(self, group: Sequence[Wanted]) -> Sequence[Found | OrakError]:
        wanted = [_wanted_values(place, wanted) for place, wanted in enumerate(group)]
        given = {"wanted": encoded(wanted), "oldest": self._clock.now() - KEY_LIFE}
        rows = await self._connections.fetch(_FIND, given)
        by_place = {row[-4]: row for row in rows}
        return [_found(wanted, by_place[place]) for place, wanted in enumerate(group)]

    async def _store(self, group: Sequence[Creation]) -> Sequence[RecordSnapshot | OrakError]:
        """Store a group: of several calls for one upload, or with one idempotency key, the first."""
        new, now = _first_calls(group), self._clock.now()
        ids, locked = await self._add([*new.values()], now)
        if ids:
            self._committed()

        def outcome(creation: Creation) -> RecordSnapshot | OrakError:
            if creation.upload.id in locked:
                return _UploadLocked(f"another writer locks upload {creation.upload.id}")
            record_id = ids.get(creation.upload.id)
            if record_id is None or new.get(creation.upload.id) is not creation:
                return StaleVersion(f"another call changed upload {creation.upload.id}")
            return creation.saved_as(record_id)[0]

        return [outcome(creation) for creation in group]

    async def _add(
        self, new: Sequence[Creation], now: datetime
    ) -> tuple[Mapping[UploadId, RecordId], Collection[UploadId]]:
        """Return the ids of the new records by upload, and the uploads that another writer has locked."""
        if self._connections.dialect.name == "postgresql":
            rows = await self._connections.fetch(ADD_RECORDS, add_parameters(new, now))
            ids = {upload_id: record_id for upload_id, record_id, _ in rows if record_id is not None}
            return ids, {upload_id for upload_id, _, is_locked in rows if is_locked}
        return await self._connections.write(lambda connection: _add(connection, new, now)), ()
