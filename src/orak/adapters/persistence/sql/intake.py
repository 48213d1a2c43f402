import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextvars import Context
from datetime import datetime

import msgspec
from msgspec.structs import replace
from sqlalchemy import insert
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.idempotency_keys import Kept, KeyTuple, find_keys, keep_keys, key_of
from orak.adapters.persistence.sql.postgresql_intake import add_uploads as add_at_once
from orak.adapters.persistence.sql.rows import event_values, to_upload, upload_values
from orak.adapters.persistence.sql.tables import events, uploads
from orak.adapters.persistence.sql.uploads import UPLOADS
from orak.adapters.persistence.sql.users import ensure_users
from orak.application.ports.clock import Clock
from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.domain.errors import IdempotencyMismatch, OrakError
from orak.domain.upload import Upload

_GROUP = 500
"""Uploads in one transaction at most: nobody waits for more than this many others."""

_ADD_UPLOADS = insert(uploads).returning(uploads.c.id, uploads.c.uuid)
_ADD_EVENTS = insert(events)


class New(msgspec.Struct, frozen=True):
    """An upload to be stored, and the call that it is for."""

    upload: Upload
    idempotency_key: IdempotencyKey | None


def store_group(
    connection: Connection, group: Sequence[New], now: datetime
) -> list[Upload | IdempotencyMismatch]:
    """Store what is new in *group*; return what each gets: its own upload, or that of the first call."""
    kept = find_keys(connection, [member.idempotency_key for member in group if member.idempotency_key], now)
    first: dict[KeyTuple, New] = {}
    new = []
    for member in group:
        if member.idempotency_key is None:
            new.append(member)
        elif (key := key_of(member.idempotency_key)) not in kept and key not in first:
            first[key] = member
            new.append(member)
    made = _insert(connection, [member.upload for member in new])
    calls = [
        (member.idempotency_key, made[member.upload.uuid].id) for member in new if member.idempotency_key
    ]
    keep_keys(connection, calls, now)
    kept |= {
        key_of(idempotency_key): Kept(idempotency_key.fingerprint, made_id)
        for idempotency_key, made_id in calls
    }
    known = _find(connection, {call.made for call in kept.values()})

    def outcome(member: New) -> Upload | IdempotencyMismatch:
        if member.idempotency_key is None:
            return made[member.upload.uuid]
        try:
            return known[kept[key_of(member.idempotency_key)].by(member.idempotency_key)]
        except IdempotencyMismatch as mismatch:
            return mismatch

    return [outcome(member) for member in group]


def _insert(connection: Connection, new: Sequence[Upload]) -> Mapping[str, Upload]:
    if not new:
        return {}
    add = add_at_once if connection.dialect.name == "postgresql" else _add_in_turn
    ids = add(connection, new)
    return {upload.uuid: replace(upload, id=ids[upload.uuid]) for upload in new}


def _add_in_turn(connection: Connection, new: Sequence[Upload]) -> Mapping[str, int]:
    ensure_users(connection, (upload.owner_id for upload in new))
    rows = connection.execute(_ADD_UPLOADS, [upload_values(upload, upload.created_at) for upload in new])
    ids = {uuid: upload_id for upload_id, uuid in rows}  # the order of RETURNING is nobody's promise
    events = [event_values(ids[upload.uuid], upload.version, upload.requested()) for upload in new]
    connection.execute(_ADD_EVENTS, events)
    return ids


def _find(connection: Connection, ids: Collection[int]) -> Mapping[int, Upload]:
    if not ids:
        return {}
    found = map(to_upload, connection.execute(UPLOADS.where(uploads.c.id.in_(ids))))
    return {upload.id: upload for upload in found}


class _Caller(msgspec.Struct, frozen=True):
    new: New
    answer: asyncio.Future[Upload]

    def tell(self, outcome: Upload | OrakError, cause: Exception | None = None) -> None:
        if self.answer.done():  # cancelled meanwhile
            return
        if isinstance(outcome, OrakError):
            outcome.__cause__ = cause
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


class SqlIntake:
    """New uploads, written in groups: while one group is committed, the next one gathers.

    So a commit, which waits for the disk, is paid for once by all who came meanwhile.
    """

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock
        self._waiting: list[_Caller] = []
        self._writing: asyncio.Task[None] | None = None
        self._closed = False

    async def add(self, upload: Upload, idempotency_key: IdempotencyKey | None = None) -> Upload:
        """Store a new upload and its event; it is durable when this returns, with its id."""
        if self._closed:
            raise Unavailable("no new uploads are taken in any more")
        caller = _Caller(New(upload, idempotency_key), asyncio.get_running_loop().create_future())
        self._waiting.append(caller)
        if self._writing is None:
            # A group is nobody's request, so it inherits no request's context.
            self._writing = asyncio.create_task(self._write_groups(), context=Context())
        return await caller.answer

    async def close(self) -> None:
        """Take in nothing more, and write what waits."""
        self._closed = True
        if self._writing is not None:
            await self._writing

    async def _write_groups(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
                # For a caller that gave up while waiting nothing need be stored.
                await self._write([caller for caller in group if not caller.answer.done()])
        finally:
            self._writing = None

    async def _write(self, group: Sequence[_Caller], *, again: bool = False) -> None:
        """Store a group and tell its callers; halve it until an upload that is refused stands alone.

        Alone it is tried once more: where another process was faster with the same Idempotency-Key, the
        second look finds what that call made.
        """
        if not group:
            return
        members = [caller.new for caller in group]
        keyed = any(member.idempotency_key for member in members)  # to look for a key is a statement more
        write = self._connections.write if keyed else self._connections.write_at_once
        try:
            outcomes = await write(store_group, members, self._clock.now())
        except StaleVersion as refused:
            if again:
                group[0].tell(Unavailable("the database refuses this upload"), refused)
                return
            middle = len(group) // 2
            await self._write(group[:middle])
            await self._write(group[middle:], again=len(group) == 1)
        except Exception as error:  # noqa: BLE001 - whatever happened, nobody is left waiting
            for caller in group:
                caller.tell(Unavailable("the upload was not stored"), error)
        else:
            for caller, outcome in zip(group, outcomes, strict=True):
                caller.tell(outcome)
