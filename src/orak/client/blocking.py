import time
from collections.abc import Iterator
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
from orak.client.operating import Batch

T = TypeVar("T")


class OrakClient:
    """Talks to orak's HTTP API, blocking; may be shared between threads.

    Calls that were lost on the way, or met a server that said "come again", are sent again a few times where
    that can do no harm: an answer, once given, is about one effect. Whatever cannot be mended is raised:
    `OrakApiError` for a refusal, `Unreachable` if nobody answered, `UnreadableAnswer` if it was not orak.

    Args:
        base_url: where orak is, such as `http://127.0.0.1:8000`.
        token: a JWT; it is sent to `base_url` and nowhere else.
        timeout: seconds that connecting, or any pause in sending or receiving, may last.
        language: of the messages, as in `Accept-Language`; the server's own choice without it.
        transport: another way of sending, for tests.
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
            base_url=base_url_of(base_url),
            headers=api_headers(token, language),
            timeout=timeout,
            transport=transport,
        )

    @property
    def batch(self) -> Batch:
        """What operators ask; refused (403) to others."""
        return Batch(self._hold)

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
        """Ask for a URL to send *size* bytes to.

        Args:
            filename: its extension tells orak, and without *content_type* this client too, what it is.
            size: in bytes; exactly so many must be sent.
            content_type: of the bytes, parameters such as `;codecs=opus` included.
            duration_seconds: advice; the decoder's figure is the truth.
            create_only: sign the URL for one PUT alone.
            idempotency_key: the same key gives the same upload again within a day; made up if absent.
        """
        return self._hold(
            conversations.presign(
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
        """Send *file* to where it was signed for, from disk, with exactly the headers that were signed.

        If the bytes are there already, that is as good. Raise `FileChanged` if the file does not hold still.
        """
        self._hold(conversations.put(presigned, Path(file), on_progress))

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
        """Name an upload; its conversion begins.

        Args:
            title: at most 255 characters.
            upload_id: from `presign`; it has one record at most.
            song_id: which song it is a take of.
            duration_seconds: advice, as for `presign`.
            wait: seconds that the server may take to answer with a finished record, up to 10.
            idempotency_key: the same key gives the same record again within a day; made up if absent.
        """
        return self._hold(
            conversations.create(
                title,
                upload_id,
                song_id=song_id,
                duration_seconds=duration_seconds,
                wait=wait,
                idempotency_key=idempotency_key,
            )
        )

    def get(self, record_id: int, *, known: Record | None = None) -> Record:
        """Read a record; *known* itself, which `get` returned before, if it is still so."""
        return self._hold(conversations.get(record_id, known))

    def wait(self, record_id: int, timeout: float = 600.0, on_progress: OnRecord | None = None) -> Record:
        """Wait until a record is COMPLETED or FAILED, and return it.

        Raise `StillProcessing` if that takes more than *timeout* seconds.
        """
        deadline = time.monotonic() + timeout
        if timeout > WORTH_FOLLOWING:
            watching = Watching(record_id, on_progress)
            if self._watch(watching, deadline - WORTH_FOLLOWING) and watching.record is not None:
                return watching.record
        return self._hold(conversations.wait(record_id, deadline, timeout, on_progress))

    def events(self, after: int | None = None) -> Iterator[Event]:
        """Yield what happens to the caller's own records, as it happens, for as long as it is asked for.

        Changes come once each, in order; ticks of progress between them may be missed. A connection that is
        lost is made again, and what happened meanwhile is told first.

        Args:
            after: the `event_id` of the last change that was seen; what happens from now on without it.
        """
        follow = Following(after)
        while True:
            lines = None
            try:
                with self._http.stream(
                    "GET", following.PATH, headers=follow.headers, timeout=QUIET
                ) as response:
                    if response.status_code != httpx.codes.OK:
                        response.read()
                    lines = follow.begin(response)
                    if lines is not None:
                        for line in response.iter_lines():
                            if event := lines.hear(line):
                                yield event
            except httpx.TransportError:
                pass
            time.sleep(follow.end(lines))

    def _watch(self, watching: Watching, until: float) -> bool:
        """Follow a record live; return whether it is settled, or else is better asked for from now on."""
        try:
            with self._http.stream("GET", following.PATH, timeout=QUIET) as response:
                if response.status_code != httpx.codes.OK:
                    return False
                for line in response.iter_lines():
                    if watching.wants_look(line) and watching.looked(
                        self._hold(conversations.look(watching.record_id, watching.record))
                    ):
                        return True
                    if time.monotonic() > until:
                        return False
        except (httpx.TransportError, UnreadableAnswer):
            pass
        return False

    def records(self) -> Iterator[Record]:
        """Yield the caller's records, newest first, fetching them page by page."""
        params: dict[str, str | int] | None = conversations.FIRST_PAGE
        while params is not None:
            page = self._hold(conversations.page(params))
            yield from page.items
            params = page.next

    def change(self, record_id: int, *, title: str | None = None, song_id: int | None = None) -> Record:
        """Give a record another title, another song, or both."""
        return self._hold(conversations.change(record_id, title=title, song_id=song_id))

    def retry(self, record_id: int) -> Record:
        """Have a FAILED take converted again; refused (409) if it did not fail, or its bytes are gone."""
        return self._hold(conversations.retry(record_id))

    def delete(self, record_id: int) -> None:
        """Delete a record, and with it the original, the converted audio and the waveform."""
        self._hold(conversations.delete(record_id))

    def upload_status(self, upload_id: int) -> Upload:
        """Read where an upload stands."""
        return self._hold(conversations.upload_status(upload_id))

    def cancel(self, upload_id: int) -> None:
        """Give up an upload that neither arrived nor was named; its URL then leads nowhere."""
        self._hold(conversations.cancel(upload_id))

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
        """Presign, send, name: from a file on disk to a record.

        Args:
            path: the file; its name is told to orak.
            title: of the record.
            song_id: which song it is a take of.
            content_type: if the extension does not say it.
            wait: seconds to wait for the conversion, as `wait` does; without it, return the record at once.
            on_progress: told of bytes sent and in all.
            on_record: told of the record when it exists, and of each look at it while waiting.
        """
        record = self._hold(
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

    def _hold(self, conversation: Flow[T]) -> T:
        try:
            call = next(conversation)
            while True:
                time.sleep(call.after)
                try:
                    response = self._http.send(call.build(self._http))
                except httpx.TransportError as error:
                    call = conversation.throw(error)
                else:
                    call = conversation.send(response)
        except StopIteration as end:
            return cast("T", end.value)
