from collections.abc import Sequence

from sqlalchemy import ColumnElement, String, bindparam, cast, func, literal_column, select, tuple_

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.rows import SHOWN_COLUMNS, to_shown
from orak.adapters.persistence.sql.statements import Statement, is_one_of
from orak.adapters.persistence.sql.tables import records, uploads
from orak.application.ports.page import Page
from orak.domain.identity import RecordId, UserId
from orak.domain.record import ShownRecord

_MOST = 8192
"""Records that one process keeps, of about 1 KB each; beyond that, those read first are forgotten."""


def _text(column: ColumnElement[object]) -> ColumnElement[str]:
    return func.coalesce(cast(column, String), literal_column("''"))


# Versions and progress tell what orak changes. In an adopted database, the app changes the others without a
# new version. The title is last, because it may hold the separator.
_fingerprint: ColumnElement[str] = _text(records.c.version)
for _column in (
    uploads.c.version,
    uploads.c.progress,
    uploads.c.processing_status,
    records.c.song_id,
    records.c.duration_seconds,
    records.c.updated_at,
    records.c.title,
):
    _fingerprint = _fingerprint.concat(literal_column("'|'")).concat(_text(_column))

_newest = (
    select(records.c.id, _fingerprint)
    .select_from(uploads.join(records))
    .where(records.c.user_id == bindparam("owner"))
    .order_by(records.c.created_at.desc(), records.c.id.desc())
    .limit(bindparam("limit"))
)

# A page starts behind the row that ended the page before. If that row was deleted meanwhile, the newest row
# with a lower id stands in for its creation time.
_mark = records.alias("mark")
_owned = _mark.c.user_id == bindparam("owner")
_marked = select(_mark.c.created_at).where(_owned, _mark.c.id == bindparam("after")).scalar_subquery()
_before = (
    select(func.max(_mark.c.created_at)).where(_owned, _mark.c.id < bindparam("after")).scalar_subquery()
)
_NEWEST = Statement(_newest)
_NEXT = Statement(
    _newest.where(
        tuple_(records.c.created_at, records.c.id)
        < tuple_(func.coalesce(_marked, _before), bindparam("after"))
    )
)
_SHOWN = Statement(
    select(_fingerprint, *SHOWN_COLUMNS)
    .select_from(uploads.join(records))
    .where(is_one_of(records.c.id, "ids"))
)

_Key = tuple[RecordId, str]
"""A record and its fingerprint."""


class ShownRecords:
    """Lists records, and reads each only once while it stays as it is.

    A page is one statement that returns ids and fingerprints, and a second one if a record is not known by
    its fingerprint. Clients list the same finished records again and again.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._known: dict[_Key, ShownRecord] = {}

    async def page(self, owner_id: UserId, page: Page) -> list[ShownRecord]:
        """Return a page of the owner's records, newest first."""
        wanted: dict[str, object] = {"owner": owner_id, "limit": page.limit}
        statement = _NEWEST
        if page.after is not None:
            statement, wanted["after"] = _NEXT, page.after
        while True:
            keys: Sequence[_Key] = [
                (row[0], row[1]) for row in await self._connections.fetch(statement, wanted)
            ]
            known = [self._known.get(key) for key in keys]
            unknown = [key[0] for key, record in zip(keys, known, strict=True) if record is None]
            if unknown:
                read = await self._read(unknown)
                known = [record or read.get(key[0]) for key, record in zip(keys, known, strict=True)]
            found = [record for record in known if record is not None]
            if len(found) == len(keys):  # otherwise one was deleted between the two statements
                return found

    async def _read(self, ids: Sequence[RecordId]) -> dict[RecordId, ShownRecord]:
        found = {}
        for fingerprint, *row in await self._connections.fetch(_SHOWN, {"ids": ids}):
            record = found[row[0]] = to_shown(row)
            self._known[record.id, fingerprint] = record
        while len(self._known) > _MOST:
            del self._known[next(iter(self._known))]
        return found
