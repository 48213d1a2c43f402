"""What operators say to orak: `client.batch`, for a token with the scope `admin`."""

from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec

from orak.client import conversations
from orak.client.answers import OperatedUpload, Statistics
from orak.client.calls import Call, Flow

T = TypeVar("T")

_BATCH = "/records/async/batch"


class _Sized(msgspec.Struct, rename="camel"):
    batch_size: int


def set_size(size: int) -> Flow[int]:
    """Set how many takes a batch has."""
    call = Call("PUT", f"{_BATCH}/size", params={"size": size})
    return (yield from conversations.decoded(call, _Sized)).batch_size


def trigger() -> Flow[None]:
    """Have a batch begin now."""
    yield from conversations.accepted(Call("POST", f"{_BATCH}/trigger"))


def statistics() -> Flow[Statistics]:
    """Ask how conversion goes."""
    return (yield from conversations.decoded(Call("GET", f"{_BATCH}/statistics"), Statistics))


def page(of: str, params: dict[str, str | int]) -> Flow[conversations.Page[OperatedUpload]]:
    """Read one page of `orphans` or `failures`."""
    return (yield from conversations.page_of(f"{_BATCH}/{of}", params, OperatedUpload))


def retry(upload_id: int) -> Flow[OperatedUpload]:
    """Have anybody's failed take converted again."""
    call = Call("POST", f"{_BATCH}/failures/{upload_id}/retry", repeatable=False)
    return (yield from conversations.decoded(call, OperatedUpload))


class Hold(Protocol):
    """Holds a conversation, blocking."""

    def __call__(self, conversation: Flow[T], /) -> T: ...  # noqa: D102 - the class says it


class HoldLater(Protocol):
    """Holds a conversation, for asyncio."""

    def __call__(self, conversation: Flow[T], /) -> Coroutine[Any, Any, T]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Batch:
    """The operators' calls; each raises what the client's other calls raise."""

    _hold: Hold

    def set_size(self, size: int) -> int:
        """Set how many takes a batch has, for every worker; return it."""
        return self._hold(set_size(size))

    def trigger(self) -> None:
        """Have a batch begin now instead of at the next interval."""
        self._hold(trigger())

    def statistics(self) -> Statistics:
        """Read how conversion goes, over all processes."""
        return self._hold(statistics())

    def orphans(self) -> Iterator[OperatedUpload]:
        """Yield uploads that arrived and that nobody named, newest first."""
        return self._pages("orphans")

    def failures(self) -> Iterator[OperatedUpload]:
        """Yield the dead letters, newest first."""
        return self._pages("failures")

    def retry(self, upload_id: int) -> OperatedUpload:
        """Have anybody's failed take converted again."""
        return self._hold(retry(upload_id))

    def _pages(self, of: str) -> Iterator[OperatedUpload]:
        params: dict[str, str | int] | None = conversations.FIRST_PAGE
        while params is not None:
            found = self._hold(page(of, params))
            yield from found.items
            params = found.next


@dataclass(frozen=True, slots=True)
class AsyncBatch:
    """`Batch` for asyncio: the same calls, awaited."""

    _hold: HoldLater

    async def set_size(self, size: int) -> int:
        """Set how many takes a batch has, for every worker; return it."""
        return await self._hold(set_size(size))

    async def trigger(self) -> None:
        """Have a batch begin now instead of at the next interval."""
        await self._hold(trigger())

    async def statistics(self) -> Statistics:
        """Read how conversion goes, over all processes."""
        return await self._hold(statistics())

    def orphans(self) -> AsyncIterator[OperatedUpload]:
        """Yield uploads that arrived and that nobody named, newest first."""
        return self._pages("orphans")

    def failures(self) -> AsyncIterator[OperatedUpload]:
        """Yield the dead letters, newest first."""
        return self._pages("failures")

    async def retry(self, upload_id: int) -> OperatedUpload:
        """Have anybody's failed take converted again."""
        return await self._hold(retry(upload_id))

    async def _pages(self, of: str) -> AsyncIterator[OperatedUpload]:
        params: dict[str, str | int] | None = conversations.FIRST_PAGE
        while params is not None:
            found = await self._hold(page(of, params))
            for upload in found.items:
                yield upload
            params = found.next
