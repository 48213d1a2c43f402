import time
from collections.abc import Iterator
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
from orak.client.operators import Batch

T = TypeVar("T")


class OrakClient:
    """Blocking client of orak's HTTP API. Threads may share it.

    The client repeats a call a few times if it was lost or if the server asks for that, but only where
    repeating it is safe. Every call may raise `OrakApiError` for an error response, `Unreachable` if the
    server did not respond, and `UnreadableAnswer` if the response did not come from orak.

    Args:
        base_url: where orak is, such as `http://127.0.0.1:8000`.
        token: a JWT; the client sends it to `base_url` only.
        timeout: seconds that connecting, or any pause in sending or receiving, may last.
        language: language of messages, as in `Accept-Language`; without it the server chooses.
        transport: replaces the network, for tests.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        timeout: float = 30.0,
        language: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(
            base_url=checked_base_url(base_url),
            headers=api_headers(token, language),
            timeout=timeout,
            transport=transport,
        )

    @property
    def batch(self) -> Batch:
        """The operators' calls. Without the scope `admin` the server refuses them (403)."""
        return Batch(self._run)

    def presign(
        self,
        filename: str,
        size: int,
        content_type: str | None = None,
        *,
        duration_seconds: int | None = None,
        create_only: bool = True,
        idempotency_key: str | None = None,
    ) -> PresignedUpload:
        """Create an upload of *size* bytes; return its presigned URL.

        Args:
            filename: name of the file; its extension must be one that orak accepts.
            size: size in bytes; exactly that many must be sent.
            content_type: media type, with parameters such as `;codecs=opus`; by default from the extension.
            duration_seconds: a hint; the decoder measures the real duration.
            create_only: sign the URL so that a second PUT cannot overwrite the object.
            idempotency_key: the same key returns the same upload for a day; generated if omitted.
        """
        return self._run(
            flows.presign(
                filename,
                size,
                content_type,
                duration_seconds=duration_seconds,
                create_only=create_only,
                idempotency_key=idempotency_key,
            )
        )

    def put(
        self, presigned: PresignedUpload, file: str | PathLike[str], on_progress: OnBytes | None = None
    ) -> None:
        """Send *file* from disk to its presigned URL, with exactly the signed headers.

        Return normally if an earlier attempt has stored the file. Raise `FileChanged` if the file grows or
        shrinks while it is sent.
        """
        self._run(flows.put(presigned, Path(file), on_progress))

    def create(
        self,
        title: str,
        upload_id: int,
        *,
        song_id: int | None = None,
        duration_seconds: int | None = None,
        wait: float | None = None,
        idempotency_key: str | None = None,
    ) -> Record:
        """Create the record of an upload; its conversion begins.

        Args:
            title: at most 255 characters.
            upload_id: from `presign`; an upload has at most one record.
            song_id: the song that was sung.
            duration_seconds: a hint, as for `presign`.
            wait: seconds that the server may wait for the conversion before it responds, up to 10.
            idempotency_key: the same key returns the same record for a day; generated if omitted.
        """
        return self._run(
            flows.create(
                title,
                upload_id,
                song_id=song_id,
                duration_seconds=duration_seconds,
                wait=wait,
                idempotency_key=idempotency_key,
            )
        )

    def get(self, record_id: int, *, known: Record | None = None) -> Record:
        """Return a record; *known* itself, from an earlier `get`, if it has not changed."""
        return self._run(flows.get(record_id, known))

    def wait(self, record_id: int, timeout: float = 600.0, on_progress: OnRecord | None = None) -> Record:
        """Wait until a record is COMPLETED or FAILED, and return it.

        Raise `StillProcessing` if that takes more than *timeout* seconds.
        """
        deadline = time.monotonic() + timeout
        if timeout > MIN_STREAMED_WAIT:
            watch = RecordWatch(record_id, on_progress)
            if self._watch(watch, deadline - MIN_STREAMED_WAIT) and watch.record is not None:
                return watch.record
        return self._run(flows.wait(record_id, deadline, timeout, on_progress))

    def events(self, after: int | None = None) -> Iterator[Event]:
        """Yield changes and progress of the caller's own records as they happen.

        The iteration has no end.

        Each change comes once, in order; progress reports between them may be missed. After a lost connection
        the client reconnects and first yields the changes that it missed.

        Args:
            after: the `event_id` of the last change seen; without it, events begin now.
        """
        stream = ResumableStream(after)
        while True:
            parser = None
            try:
                with self._http.stream(
                    "GET", live_events.PATH, headers=stream.headers, timeout=STREAM_TIMEOUT
                ) as response:
                    if response.status_code != httpx.codes.OK:
                        response.read()
                    parser = stream.open(response)
                    if parser is not None:
                        for line in response.iter_lines():
                            if event := parser.feed(line):
                                yield event
            except httpx.TransportError:
                pass
            time.sleep(stream.close(parser))

    def _watch(self, watch: RecordWatch, until: float) -> bool:
        """Follow a record live; return whether its conversion has ended.

        If it has not, poll from now on.
        """
        try:
            with self._http.stream("GET", live_events.PATH, timeout=STREAM_TIMEOUT) as response:
                if response.status_code != httpx.codes.OK:
                    return False
                for line in response.iter_lines():
                    if watch.needs_read(line) and watch.update(
                        self._run(flows.poll(watch.record_id, watch.record))
                    ):
                        return True
                    if time.monotonic() > until:
                        return False
        except (httpx.TransportError, UnreadableAnswer):
            pass
        return False

    def records(self) -> Iterator[Record]:
        """Yield the caller's records, newest first, fetching page by page."""
        params: dict[str, str | int] | None = flows.FIRST_PAGE
        while params is not None:
            page = self._run(flows.page(params))
            yield from page.items
            params = page.next

    def change(
        self, record_id: int, *, title: str | None = None, song_id: int | UnsetType | None = UNSET
    ) -> Record:
        """Change a record's title, its song, or both; `song_id=None` removes the song."""
        return self._run(flows.change(record_id, title=title, song_id=song_id))

    def retry(self, record_id: int) -> Record:
        """Convert a FAILED record again.

        The server refuses (409) unless `record.failure.retryable`.
        """
        return self._run(flows.retry(record_id))

    def delete(self, record_id: int) -> None:
        """Delete a record with its original, its converted audio and its waveform."""
        self._run(flows.delete(record_id))

    def upload_status(self, upload_id: int) -> Upload:
        """Return an upload and its status."""
        return self._run(flows.upload_status(upload_id))

    def cancel(self, upload_id: int) -> None:
        """Cancel an upload that has neither arrived nor a record; its URL stops working."""
        self._run(flows.cancel(upload_id))

    def upload(
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
        """Upload a file from disk and create its record.

        Args:
            path: the file; orak stores its name.
            title: title of the record.
            song_id: the song that was sung.
            content_type: media type; by default from the extension.
            wait: seconds to wait for the conversion, as in `wait`; without it, return at once.
            on_progress: called with the bytes sent so far and in total.
            on_record: called with the new record, and each time it is read while waiting.
        """
        record = self._run(
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
        return self.wait(record.id, wait, on_record)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, flow: Flow[T]) -> T:
        try:
            call = next(flow)
            while True:
                time.sleep(call.after)
                try:
                    response = self._http.send(call.build(self._http))
                except httpx.TransportError as error:
                    call = flow.throw(error)
                else:
                    call = flow.send(response)
        except StopIteration as end:
            return cast("T", end.value)
