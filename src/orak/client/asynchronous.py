import asyncio
import time
from collections.abc import AsyncIterator
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, cast

import httpx

from orak.client import conversations, following
from orak.client.answers import PresignedUpload, Record, Upload
from orak.client.calls import Flow, OnBytes, api_headers, base_url_of
from orak.client.errors import UnreadableAnswer
from orak.client.following import QUIET, WORTH_FOLLOWING, Event, Following, OnRecord, Watching
from orak.client.operating import AsyncBatch

T = TypeVar("T")


class AsyncOrakClient:
    """`OrakClient` for asyncio: the same calls, arguments and errors, awaited; see there for each."""

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
            base_url=base_url_of(base_url),
            headers=api_headers(token, language),
            timeout=timeout,
            transport=transport,
        )

    @property
    def batch(self) -> AsyncBatch:
        """What operators ask; refused (403) to others."""
        return AsyncBatch(self._hold)

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
        """Ask for a URL to send *size* bytes to."""
        return await self._hold(
            conversations.presign(
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
        """Send *file* to where it was signed for, from disk, with exactly the headers that were signed."""
        await self._hold(conversations.put(presigned, Path(file), on_progress))

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
        """Name an upload; its conversion begins."""
        return await self._hold(
            conversations.create(
                title,
                upload_id,
                song_id=song_id,
                duration_seconds=duration_seconds,
                wait=wait,
                idempotency_key=idempotency_key,
            )
        )

    async def get(self, record_id: int, *, known: Record | None = None) -> Record:
        """Read a record; *known* itself, which `get` returned before, if it is still so."""
        return await self._hold(conversations.get(record_id, known))

    async def wait(
        self,
        record_id: int,
        timeout: float = 600.0,  # noqa: ASYNC109 - it bounds the waiting, not a call; `OrakClient` has it too
        on_progress: OnRecord | None = None,
    ) -> Record:
        """Wait until a record is COMPLETED or FAILED, and return it."""
        deadline = time.monotonic() + timeout
        if timeout > WORTH_FOLLOWING:
            watching = Watching(record_id, on_progress)
            if await self._watch(watching, deadline - WORTH_FOLLOWING) and watching.record is not None:
                return watching.record
        return await self._hold(conversations.wait(record_id, deadline, timeout, on_progress))

    async def events(self, after: int | None = None) -> AsyncIterator[Event]:
        """Yield what happens to the caller's own records, as it happens, for as long as it is asked for."""
        follow = Following(after)
        while True:
            lines = None
            try:
                async with self._http.stream(
                    "GET", following.PATH, headers=follow.headers, timeout=QUIET
                ) as response:
                    if response.status_code != httpx.codes.OK:
                        await response.aread()
                    lines = follow.begin(response)
                    if lines is not None:
                        async for line in response.aiter_lines():
                            if event := lines.hear(line):
                                yield event
            except httpx.TransportError:
                pass
            await asyncio.sleep(follow.end(lines))

    async def _watch(self, watching: Watching, until: float) -> bool:
        """Follow a record live; return whether it is settled, or else is better asked for from now on."""
        try:
            async with self._http.stream("GET", following.PATH, timeout=QUIET) as response:
                if response.status_code != httpx.codes.OK:
                    return False
                async for line in response.aiter_lines():
                    if watching.wants_look(line) and watching.looked(
                        await self._hold(conversations.look(watching.record_id, watching.record))
                    ):
                        return True
                    if time.monotonic() > until:
                        return False
        except (httpx.TransportError, UnreadableAnswer):
            pass
        return False

    async def records(self) -> AsyncIterator[Record]:
        """Yield the caller's records, newest first, fetching them page by page."""
        params: dict[str, str | int] | None = conversations.FIRST_PAGE
        while params is not None:
            page = await self._hold(conversations.page(params))
            for record in page.items:
                yield record
            params = page.next

    async def change(self, record_id: int, *, title: str | None = None, song_id: int | None = None) -> Record:
        """Give a record another title, another song, or both."""
        return await self._hold(conversations.change(record_id, title=title, song_id=song_id))

    async def retry(self, record_id: int) -> Record:
        """Have a FAILED take converted again; refused (409) if it did not fail, or its bytes are gone."""
        return await self._hold(conversations.retry(record_id))

    async def delete(self, record_id: int) -> None:
        """Delete a record, and with it the original, the converted audio and the waveform."""
        await self._hold(conversations.delete(record_id))

    async def upload_status(self, upload_id: int) -> Upload:
        """Read where an upload stands."""
        return await self._hold(conversations.upload_status(upload_id))

    async def cancel(self, upload_id: int) -> None:
        """Give up an upload that neither arrived nor was named; its URL then leads nowhere."""
        await self._hold(conversations.cancel(upload_id))

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
        """Presign, send, name: from a file on disk to a record."""
        record = await self._hold(
            conversations.upload(
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

    async def _hold(self, conversation: Flow[T]) -> T:
        try:
            call = next(conversation)
            while True:
                await asyncio.sleep(call.after)
                try:
                    response = await self._http.send(call.build(self._http))
                except httpx.TransportError as error:
                    call = conversation.throw(error)
                else:
                    call = conversation.send(response)
        except StopIteration as end:
            return cast("T", end.value)
