from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from orak.application.ports.arrivals import Arrivals
from orak.application.ports.storage import ListedObject, Storage
from orak.domain.identity import uuid_of

_PAGE = 500


@dataclass(frozen=True, slots=True)
class FindStrays:
    """Finds stored objects that no row accounts for.

    Every method may raise `Unavailable`.
    """

    arrivals: Arrivals
    storage: Storage

    async def pages(self, folder: str, before: datetime) -> AsyncIterator[list[ListedObject]]:
        """Iterate over a folder's objects that orak stored before *before*, in pages."""
        page: list[ListedObject] = []
        async for found in self.storage.list(f"{folder}/"):
            if found.modified_at < before and uuid_of(found.key) is not None:
                page.append(found)
            if len(page) == _PAGE:
                yield page
                page = []
        if page:
            yield page

    async def among(self, page: Sequence[ListedObject]) -> list[ListedObject]:
        """Read the rows now; return the objects of a page that none of them accounts for."""
        uuids = {uuid for found in page if (uuid := uuid_of(found.key)) is not None}
        rows = {upload.uuid: upload for upload in await self.arrivals.known(uuids)}
        return [
            found
            for found in page
            if (row := rows.get(uuid_of(found.key) or "")) is None or not row.accounts_for(found.key)
        ]

    async def remove(self, strays: Sequence[ListedObject]) -> list[ListedObject]:
        """Remove the objects that still have no row; return what was removed."""
        removed = []
        for start in range(0, len(strays), _PAGE):
            for stray in await self.among(strays[start : start + _PAGE]):
                await self.storage.delete(stray.key)
                removed.append(stray)
        return removed
