from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace
from sqlalchemy import column, func, insert, select, table, union_all
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections, Violation
from orak.adapters.persistence.sql.groups import Groups
from orak.adapters.persistence.sql.idempotency_keys import (
    FIND_KEYS,
    FirstCall,
    KeyTuple,
    find_parameters,
    found_keys,
    keep_keys,
    key_of,
)
from orak.adapters.persistence.sql.postgresql_intake import ADD_UPLOADS, add_parameters
from orak.adapters.persistence.sql.rows import event_values, to_upload, upload_values
from orak.adapters.persistence.sql.statements import Statement
from orak.adapters.persistence.sql.tables import events, uploads
from orak.adapters.persistence.sql.uploads import BY_IDS
from orak.adapters.persistence.sql.users import add_users
from orak.application.ports.clock import Clock
from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.application.ports.traces import Traces
from orak.domain.errors import IdempotencyMismatch, OrakError, UploadNotFound, UserUnknown
from orak.domain.identity import UploadId
from orak.domain.upload import Upload

_sequences = table("sqlite_sequence", column("name"), column("seq"))
# An upload with an id of its own may be newer than the sequence, and a purged one newer than the table.
_ids = union_all(
    select(_sequences.c.seq).where(_sequences.c.name == uploads.name), select(func.max(uploads.c.id))
).subquery()
_LAST_ID = select(func.max(_ids.c.seq))
_ADD_UPLOADS = Statement(
    insert(uploads), columns=[column.name for column in uploads.c if column.name != "turn"]
)
_ADD_EVENTS = Statement(
    insert(events), columns=[column.name for column in events.c if column.name not in {"id", "position"}]
)


class Member(msgspec.Struct, frozen=True):
    """A new upload in a group, and the idempotency key of the call that asked for it."""

    upload: Upload
    idempotency_key: IdempotencyKey | None


def _without_repeats(group: Iterable[Member], known: Iterable[KeyTuple]) -> Iterator[Member]:
    seen = set(known)
    for member in group:
        if member.idempotency_key is None:
            yield member
        elif (key := key_of(member.idempotency_key)) not in seen:
            seen.add(key)
            yield member


def _add(connection: Connection, new: Sequence[Member], now: datetime) -> Mapping[str, UploadId]:
    # Only PostgreSQL has adopted databases, where orak adds no users.
    add_users(connection, (member.upload.owner_id for member in new))
    last = connection.scalar(_LAST_ID) or 0
    ids = {member.upload.uuid: UploadId(last + place) for place, member in enumerate(new, 1)}
    made = [member.upload for member in new]
    _ADD_UPLOADS.execute_many(
        connection,
        [upload_values(upload, upload.created_at) | {"id": ids[upload.uuid]} for upload in made],
    )
    events = [event_values(ids[upload.uuid], upload.version, upload.requested()) for upload in made]
    _ADD_EVENTS.execute_many(connection, events)
    keyed = [(member.idempotency_key, ids[member.upload.uuid]) for member in new if member.idempotency_key]
    keep_keys(connection, keyed, now)
    return ids


def _refusal(member: Member, refused: StaleVersion) -> OrakError:
    if isinstance(refused, Violation) and refused.constraint == "fk_uploads_uploader_id_users":
        return UserUnknown(member.upload.owner_id)  # the app, which owns the users, has removed this one
    return Unavailable("the database refuses this upload")


_Outcome = Upload | IdempotencyMismatch | UploadNotFound


class SqlIntake:
    """The port `Intake` on SQL: writes uploads in groups."""

    def __init__(
        self,
        connections: Connections,
        committed: Callable[[], None],
        clock: Clock,
        traces: Traces | None = None,
    ) -> None:
        """Write on *connections*, and call *committed* after each group."""
        self._connections = connections
        self._committed = committed
        self._clock = clock
        self._groups: Groups[Member, Upload] = Groups(
            self._store,
            refusal=_refusal,
            failure="the upload was not stored",
            at_once=2 if connections.dialect.name == "postgresql" else 1,  # SQLite has one writer
            traces=traces,
            name="store upload",
        )

    async def add(self, upload: Upload, idempotency_key: IdempotencyKey | None = None) -> Upload:
        return await self._groups.ask(Member(upload, idempotency_key))

    async def close(self) -> None:
        """Refuse further uploads, and write those that wait."""
        await self._groups.close()

    async def _store(self, group: Sequence[Member]) -> Sequence[_Outcome]:
        """Store the new uploads of *group*, and return the outcomes in the order of the calls.

        A repeated call gets the upload of the first call with its key, or an `IdempotencyMismatch`. If
        another process stores a key in between, the database refuses the group.
        """
        now = self._clock.now()
        first_calls = await self._first_calls(group, now)
        new = list(_without_repeats(group, known=first_calls))
        ids = await self._add(new, now) if new else {}
        self._committed()
        stored = {member.upload.uuid: replace(member.upload, id=ids[member.upload.uuid]) for member in new}
        found = {upload.id: upload for upload in stored.values()}
        if first_calls:
            repeated = {"ids": [call.made_id for call in first_calls.values()]}
            found |= {row[0]: to_upload(row) for row in await self._connections.fetch(BY_IDS, repeated)}
        for member in new:
            if key := member.idempotency_key:
                first_calls[key_of(key)] = FirstCall(key.fingerprint, stored[member.upload.uuid].id)

        def outcome(member: Member) -> _Outcome:
            if (key := member.idempotency_key) is None:
                return stored[member.upload.uuid]
            try:
                made_id = UploadId(first_calls[key_of(key)].made_for(key))
            except IdempotencyMismatch as mismatch:
                return mismatch
            return found.get(made_id) or UploadNotFound(made_id)

        return [outcome(member) for member in group]

    async def _first_calls(self, group: Sequence[Member], now: datetime) -> dict[KeyTuple, FirstCall]:
        keys = [member.idempotency_key for member in group if member.idempotency_key]
        if not keys:
            return {}
        return found_keys(await self._connections.fetch(FIND_KEYS, find_parameters(keys, now)))

    async def _add(self, new: Sequence[Member], now: datetime) -> Mapping[str, UploadId]:
        if self._connections.dialect.name == "postgresql":
            given = add_parameters([(member.upload, member.idempotency_key) for member in new], now)
            return {uuid: UploadId(id_) for uuid, id_ in await self._connections.fetch(ADD_UPLOADS, given)}
        return await self._connections.write(lambda connection: _add(connection, new, now))
