"""The operators' calls: `client.batch`, for tokens with the scope `admin`."""

from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec

from orak.client import flows
from orak.client.answers import OperatedUpload, Statistics
from orak.client.calls import Call, Flow

T = TypeVar("T")

_BATCH = "/records/async/batch"


class _BatchSize(msgspec.Struct, rename="camel"):
    batch_size: int


def set_size(size: int) -> Flow[int]:
    """Set the batch size; return it."""
    call = Call("PUT", f"{_BATCH}/size", params={"size": size})
    return (yield from flows.decoded(call, _BatchSize)).batch_size


def trigger() -> Flow[None]:
    """Start a batch now."""
    yield from flows.successful(Call("POST", f"{_BATCH}/trigger"))


def statistics() -> Flow[Statistics]:
    """Return the conversion statistics."""
    return (yield from flows.decoded(Call("GET", f"{_BATCH}/statistics"), Statistics))


def page(name: str, params: dict[str, str | int]) -> Flow[flows.Page[OperatedUpload]]:
    """Return one page of the list `orphans` or `failures`."""
    return (yield from flows.page_of(f"{_BATCH}/{name}", params, OperatedUpload))


def retry(upload_id: int) -> Flow[OperatedUpload]:
    """Convert a failed upload of any user again."""
    call = Call("POST", f"{_BATCH}/failures/{upload_id}/retry", repeatable=False)
    return (yield from flows.decoded(call, OperatedUpload))


class RunFlow(Protocol):
    """Runs a flow, blocking."""

    def __call__(self, flow: Flow[T], /) -> T: ...  # noqa: D102 - the class says it


class RunFlowAsync(Protocol):
    """Runs a flow on asyncio."""

    def __call__(self, flow: Flow[T], /) -> Coroutine[Any, Any, T]: ...  # noqa: D102 - the class says it


@dataclass(frozen=True, slots=True)
class Batch:
    """The operators' calls. They raise the same errors as the client's other calls."""

    _run: RunFlow

    def set_size(self, size: int) -> int:
        """Set the batch size for every worker; return it."""
        return self._run(set_size(size))

    def trigger(self) -> None:
        """Start a batch now instead of at the next interval."""
        self._run(trigger())

    def statistics(self) -> Statistics:
        """Return conversion statistics over all processes."""
        return self._run(statistics())

    def orphans(self) -> Iterator[OperatedUpload]:
        """Yield uploads that arrived but have no record, newest first."""
        return self._pages("orphans")

    def failures(self) -> Iterator[OperatedUpload]:
        """Yield the dead letters, newest first."""
        return self._pages("failures")

    def retry(self, upload_id: int) -> OperatedUpload:
        """Convert a failed upload of any user again."""
        return self._run(retry(upload_id))

    def _pages(self, name: str) -> Iterator[OperatedUpload]:
        params: dict[str, str | int] | None = flows.FIRST_PAGE
        while params is not None:
            found = self._run(page(name, params))
            yield from found.items
            params = found.next


@dataclass(frozen=True, slots=True)
class AsyncBatch:
    """`Batch` for asyncio: the same calls, awaited."""

    _run: RunFlowAsync

    async def set_size(self, size: int) -> int:
        """Set the batch size for every worker; return it."""
        return await self._run(set_size(size))

    async def trigger(self) -> None:
        """Start a batch now instead of at the next interval."""
        await self._run(trigger())

    async def statistics(self) -> Statistics:
        """Return conversion statistics over all processes."""
        return await self._run(statistics())

    def orphans(self) -> AsyncIterator[OperatedUpload]:
        """Yield uploads that arrived but have no record, newest first."""
        return self._pages("orphans")

    def failures(self) -> AsyncIterator[OperatedUpload]:
        """Yield the dead letters, newest first."""
        return self._pages("failures")

    async def retry(self, upload_id: int) -> OperatedUpload:
        """Convert a failed upload of any user again."""
        return await self._run(retry(upload_id))

    async def _pages(self, name: str) -> AsyncIterator[OperatedUpload]:
        params: dict[str, str | int] | None = flows.FIRST_PAGE
        while params is not None:
            found = await self._run(page(name, params))
            for upload in found.items:
                yield upload
            params = found.next
