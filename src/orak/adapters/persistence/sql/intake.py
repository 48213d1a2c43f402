import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextvars import Context
from datetime import datetime

import msgspec
from msgspec.structs import replace
from sqlalchemy import insert
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections, Violation
from orak.adapters.persistence.sql.idempotency_keys import FirstCall, KeyTuple, find_keys, keep_keys, key_of
from orak.adapters.persistence.sql.postgresql_intake import add_uploads as add_in_one_statement
from orak.adapters.persistence.sql.rows import event_values, to_upload, upload_values
from orak.adapters.persistence.sql.tables import events, uploads
from orak.adapters.persistence.sql.uploads import UPLOADS
from orak.adapters.persistence.sql.users import ensure_users
from orak.application.ports.clock import Clock
from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.domain.errors import IdempotencyMismatch, OrakError, UserUnknown
from orak.domain.upload import Upload

_GROUP = 500
"""Most uploads in one transaction, so that no caller waits for an unbounded number of others."""

_ADD_UPLOADS = insert(uploads).returning(uploads.c.id, uploads.c.uuid)
_ADD_EVENTS = insert(events)


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
    rows = connection.execute(_ADD_UPLOADS, [upload_values(upload, upload.created_at) for upload in new])
    ids = {uuid: upload_id for upload_id, uuid in rows}  # RETURNING promises no order
    events = [event_values(ids[upload.uuid], upload.version, upload.requested()) for upload in new]
    connection.execute(_ADD_EVENTS, events)
    return ids


def _find(connection: Connection, ids: Collection[int]) -> Mapping[int, Upload]:
    if not ids:
        return {}
    found = map(to_upload, connection.execute(UPLOADS.where(uploads.c.id.in_(ids))))
    return {upload.id: upload for upload in found}


class _Call(msgspec.Struct, frozen=True):
    member: Member
    answer: asyncio.Future[Upload]

    def settle(self, outcome: Upload | OrakError, cause: Exception | None = None) -> None:
        if self.answer.done():  # the caller was cancelled
            return
        if isinstance(outcome, OrakError):
            outcome.__cause__ = cause
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


def _refusal(upload: Upload, refused: StaleVersion) -> OrakError:
    if isinstance(refused, Violation) and refused.constraint == "fk_uploads_uploader_id_users":
        return UserUnknown(upload.owner_id)  # the app, which owns the users, has removed this one
    return Unavailable("the database refuses this upload")


class SqlIntake:
    """The port `Intake` on SQL: writes uploads in groups.

    While one group is committed, the next one gathers. All calls of a group share one commit, which waits
    for the disk.
    """

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock
        self._waiting: list[_Call] = []
        self._writing: asyncio.Task[None] | None = None
        self._closed = False

    async def add(self, upload: Upload, idempotency_key: IdempotencyKey | None = None) -> Upload:
        if self._closed:
            raise Unavailable("orak is shutting down and accepts no new uploads")
        call = _Call(Member(upload, idempotency_key), asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._writing is None:
            # A group serves many requests, so it must not inherit the context of the first one.
            self._writing = asyncio.create_task(self._write_groups(), context=Context())
        return await call.answer

    async def close(self) -> None:
        """Refuse further uploads, and write those that wait."""
        self._closed = True
        if self._writing is not None:
            await self._writing

    async def _write_groups(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
                # Uploads of callers that were cancelled while they waited are not stored.
                await self._write([call for call in group if not call.answer.done()])
        finally:
            self._writing = None

    async def _write(self, group: Sequence[_Call], *, again: bool = False) -> None:
        """Store a group and answer its calls.

        A refused group is halved until the refused upload is alone. That upload is tried once more: if
        another process stored the same Idempotency-Key first, the second attempt finds what that call made.
        """
        if not group:
            return
        members = [call.member for call in group]
        keyed = any(member.idempotency_key for member in members)  # looking for keys takes more statements
        write = self._connections.write if keyed else self._connections.write_at_once
        now = self._clock.now()
        try:
            outcomes = await write(lambda connection: store_group(connection, members, now))
        except StaleVersion as refused:
            if again:
                group[0].settle(_refusal(members[0].upload, refused), refused)
                return
            middle = len(group) // 2
            await self._write(group[:middle])
            await self._write(group[middle:], again=len(group) == 1)
        except Exception as error:  # noqa: BLE001 - after any error, every caller gets an answer
            for call in group:
                call.settle(Unavailable("the upload was not stored"), error)
        else:
            for call, outcome in zip(group, outcomes, strict=True):
                call.settle(outcome)
