from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace
from sqlalchemy import column, insert, select, table
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections, Violation
from orak.adapters.persistence.sql.groups import Groups
from orak.adapters.persistence.sql.idempotency_keys import FirstCall, KeyTuple, find_keys, keep_keys, key_of
from orak.adapters.persistence.sql.postgresql_intake import add_uploads as add_in_one_statement
from orak.adapters.persistence.sql.rows import event_values, to_upload, upload_values
from orak.adapters.persistence.sql.statements import Statement
from orak.adapters.persistence.sql.tables import events, uploads
from orak.adapters.persistence.sql.uploads import UPLOADS
from orak.adapters.persistence.sql.users import ensure_users
from orak.application.ports.clock import Clock
from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.domain.errors import IdempotencyMismatch, OrakError, UserUnknown
from orak.domain.identity import UploadId
from orak.domain.upload import Upload

_sequences = table("sqlite_sequence", column("name"), column("seq"))
_LAST_ID = select(_sequences.c.seq).where(_sequences.c.name == uploads.name)
_ADD_UPLOADS = Statement(
    insert(uploads), columns=[column.name for column in uploads.c if column.name != "turn"]
)
_ADD_EVENTS = Statement(insert(events), columns=["upload_id", "version", "type", "payload", "at", "user_id"])


class Member(msgspec.Struct, frozen=True):
    """A new upload in a group, and the idempotency key of the call that asked for it."""

    upload: Upload
    idempotency_key: IdempotencyKey | None


def store_group(
    connection: Connection, group: Sequence[Member], now: datetime
) -> list[Upload | IdempotencyMismatch]:
    """Store the new uploads of *group*, and return the outcome of each call.

    Outcomes are in the order of the calls. A repeated call gets the upload of the first call with its key,
    or an `IdempotencyMismatch`.
    """
    keys = [member.idempotency_key for member in group if member.idempotency_key]
    first_calls = find_keys(connection, keys, now)
    new = list(_without_repeats(group, known=first_calls))
    stored = _insert(connection, [member.upload for member in new])
    made = [
        (member.idempotency_key, stored[member.upload.uuid].id) for member in new if member.idempotency_key
    ]
    keep_keys(connection, made, now)
    first_calls |= {key_of(key): FirstCall(key.fingerprint, made_id) for key, made_id in made}
    of_first_calls = _find(connection, {call.made_id for call in first_calls.values()})

    def outcome(member: Member) -> Upload | IdempotencyMismatch:
        if member.idempotency_key is None:
            return stored[member.upload.uuid]
        first_call = first_calls[key_of(member.idempotency_key)]
        try:
            return of_first_calls[first_call.made_for(member.idempotency_key)]
        except IdempotencyMismatch as mismatch:
            return mismatch

    return [outcome(member) for member in group]


def _without_repeats(group: Iterable[Member], known: Iterable[KeyTuple]) -> Iterator[Member]:
    seen = set(known)
    for member in group:
        if member.idempotency_key is None:
            yield member
        elif (key := key_of(member.idempotency_key)) not in seen:
            seen.add(key)
            yield member


def _insert(connection: Connection, new: Sequence[Upload]) -> Mapping[str, Upload]:
    if not new:
        return {}
    add = add_in_one_statement if connection.dialect.name == "postgresql" else _add
    ids = add(connection, new)
    return {upload.uuid: replace(upload, id=ids[upload.uuid]) for upload in new}


def _add(connection: Connection, new: Sequence[Upload]) -> Mapping[str, int]:
    ensure_users(connection, (upload.owner_id for upload in new))
    last = connection.scalar(_LAST_ID) or 0
    ids = {upload.uuid: last + place for place, upload in enumerate(new, 1)}
    _ADD_UPLOADS.execute_many(
        connection,
        [upload_values(upload, upload.created_at) | {"id": ids[upload.uuid]} for upload in new],
    )
    events = [event_values(UploadId(ids[upload.uuid]), upload.version, upload.requested()) for upload in new]
    _ADD_EVENTS.execute_many(connection, events)
    return ids


def _find(connection: Connection, ids: Collection[int]) -> Mapping[int, Upload]:
    if not ids:
        return {}
    found = map(to_upload, connection.execute(UPLOADS.where(uploads.c.id.in_(ids))))
    return {upload.id: upload for upload in found}


def _refusal(member: Member, refused: StaleVersion) -> OrakError:
    if isinstance(refused, Violation) and refused.constraint == "fk_uploads_uploader_id_users":
        return UserUnknown(member.upload.owner_id)  # the app, which owns the users, has removed this one
    return Unavailable("the database refuses this upload")


class SqlIntake:
    """The port `Intake` on SQL: writes uploads in groups."""

    def __init__(self, connections: Connections, committed: Callable[[], None], clock: Clock) -> None:
        """Write on *connections*, and call *committed* after each group."""
        self._connections = connections
        self._committed = committed
        self._clock = clock
        self._groups: Groups[Member, Upload] = Groups(
            self._store, refusal=_refusal, failure="the upload was not stored"
        )

    async def add(self, upload: Upload, idempotency_key: IdempotencyKey | None = None) -> Upload:
        return await self._groups.ask(Member(upload, idempotency_key))

    async def close(self) -> None:
        """Refuse further uploads, and write those that wait."""
        await self._groups.close()

    async def _store(self, group: Sequence[Member]) -> Sequence[Upload | IdempotencyMismatch]:
        keyed = any(member.idempotency_key for member in group)  # looking for keys takes more statements
        write = self._connections.write if keyed else self._connections.write_at_once
        now = self._clock.now()
        outcomes = await write(lambda connection: store_group(connection, group, now))
        self._committed()
        return outcomes
