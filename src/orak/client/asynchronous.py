import asyncio
import time
from collections.abc import AsyncIterator
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, cast

import httpx
from msgspec import UNSET, UnsetType

from orak.client import flows, live_events
from orak.client.answers import PresignedUpload, Record, Upload
from orak.client.calls import Flow, OnBytes, api_headers, checked_base_url
from orak.client.errors import UnreadableAnswer
from orak.client.live_events import (
    MIN_STREAMED_WAIT,
    STREAM_TIMEOUT,
    Event,
    OnRecord,
    RecordWatch,
    ResumableStream,
)
from orak.client.operators import AsyncBatch

T = TypeVar("T")


class AsyncOrakClient:
    """`OrakClient` for asyncio: the same calls and errors, awaited.

    See `OrakClient` for each call.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        timeout: float = 30.0,
        language: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=checked_base_url(base_url),
            headers=api_headers(token, language),
            timeout=timeout,
            transport=transport,
        )

    @property
    def batch(self) -> AsyncBatch:
        """The operators' calls. Without the scope `admin` the server refuses them (403)."""
        return AsyncBatch(self._run)

    async def presign(
        self,
        filename: str,
        size: int,
        content_type: str | None = None,
        *,
        duration_seconds: int | None = None,
        create_only: bool = True,
        idempotency_key: str | None = None,
    ) -> PresignedUpload:
        """Create an upload of *size* bytes; return its presigned URL."""
        return await self._run(
            flows.presign(
                filename,
                size,
                content_type,
                duration_seconds=duration_seconds,
                create_only=create_only,
                idempotency_key=idempotency_key,
            )
        )

    async def put(
        self, presigned: PresignedUpload, file: str | PathLike[str], on_progress: OnBytes | None = None
    ) -> None:
        """Send *file* from disk to its presigned URL, with exactly the signed headers."""
        await self._run(flows.put(presigned, Path(file), on_progress))

    async def create(
        self,
        title: str,
        upload_id: int,
        *,
        song_id: int | None = None,
        duration_seconds: int | None = None,
        wait: float | None = None,
        idempotency_key: str | None = None,
    ) -> Record:
        """Create the record of an upload; its conversion begins."""
        return await self._run(
            flows.create(
                title,
                upload_id,
                song_id=song_id,
                duration_seconds=duration_seconds,
                wait=wait,
                idempotency_key=idempotency_key,
            )
        )

    async def get(self, record_id: int, *, known: Record | None = None) -> Record:
        """Return a record; *known* itself, from an earlier `get`, if it has not changed."""
        return await self._run(flows.get(record_id, known))

    async def wait(
        self,
        record_id: int,
        timeout: float = 600.0,  # noqa: ASYNC109 - it bounds the wait, not one call; as in `OrakClient`
        on_progress: OnRecord | None = None,
    ) -> Record:
        """Wait until a record is COMPLETED or FAILED, and return it."""
        deadline = time.monotonic() + timeout
        if timeout > MIN_STREAMED_WAIT:
            watch = RecordWatch(record_id, on_progress)
            if await self._watch(watch, deadline - MIN_STREAMED_WAIT) and watch.record is not None:
                return watch.record
        return await self._run(flows.wait(record_id, deadline, timeout, on_progress))

    async def events(self, after: int | None = None) -> AsyncIterator[Event]:
        """Yield changes and progress of the caller's own records as they happen.

        The iteration has no end.
        """
        stream = ResumableStream(after)
        while True:
            parser = None
            try:
                async with self._http.stream(
                    "GET", live_events.PATH, headers=stream.headers, timeout=STREAM_TIMEOUT
                ) as response:
                    if response.status_code != httpx.codes.OK:
                        await response.aread()
                    parser = stream.open(response)
                    if parser is not None:
                        async for line in response.aiter_lines():
                            if event := parser.feed(line):
                                yield event
            except httpx.TransportError:
                pass
            await asyncio.sleep(stream.close(parser))

    async def _watch(self, watch: RecordWatch, until: float) -> bool:
        """Follow a record live; return whether its conversion has ended.

        If it has not, poll from now on.
        """
        try:
            async with self._http.stream("GET", live_events.PATH, timeout=STREAM_TIMEOUT) as response:
                if response.status_code != httpx.codes.OK:
                    return False
                async for line in response.aiter_lines():
                    if watch.needs_read(line) and watch.update(
                        await self._run(flows.poll(watch.record_id, watch.record))
                    ):
                        return True
                    if time.monotonic() > until:
                        return False
        except (httpx.TransportError, UnreadableAnswer):
            pass
        return False

    async def records(self) -> AsyncIterator[Record]:
        """Yield the caller's records, newest first, fetching page by page."""
        params: dict[str, str | int] | None = flows.FIRST_PAGE
        while params is not None:
            page = await self._run(flows.page(params))
            for record in page.items:
                yield record
            params = page.next

    async def change(
        self, record_id: int, *, title: str | None = None, song_id: int | UnsetType | None = UNSET
    ) -> Record:
        """Change a record's title, its song, or both; `song_id=None` removes the song."""
        return await self._run(flows.change(record_id, title=title, song_id=song_id))

    async def retry(self, record_id: int) -> Record:
        """Convert a FAILED record again.

        The server refuses (409) unless `record.failure.retryable`.
        """
        return await self._run(flows.retry(record_id))

    async def delete(self, record_id: int) -> None:
        """Delete a record with its original, its converted audio and its waveform."""
        await self._run(flows.delete(record_id))

    async def upload_status(self, upload_id: int) -> Upload:
        """Return an upload and its status."""
        return await self._run(flows.upload_status(upload_id))

    async def cancel(self, upload_id: int) -> None:
        """Cancel an upload that has neither arrived nor a record; its URL stops working."""
        await self._run(flows.cancel(upload_id))

    async def upload(
        self,
        path: str | PathLike[str],
        title: str,
        *,
        song_id: int | None = None,
        content_type: str | None = None,
        wait: float | None = None,
        on_progress: OnBytes | None = None,
        on_record: OnRecord | None = None,
    ) -> Record:
        """Upload a file from disk and create its record."""
        record = await self._run(
            flows.upload(
                Path(path),
                title,
                song_id=song_id,
                content_type=content_type,
                on_progress=on_progress,
            )
        )
        if on_record is not None:
            on_record(record)
        if wait is None or record.is_settled:
            return record
        return await self.wait(record.id, wait, on_record)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _run(self, flow: Flow[T]) -> T:
        try:
            call = next(flow)
            while True:
                await asyncio.sleep(call.after)
                try:
                    response = await self._http.send(call.build(self._http))
                except httpx.TransportError as error:
                    call = flow.throw(error)
                else:
                    call = flow.send(response)
        except StopIteration as end:
            return cast("T", end.value)
