"""The calls of the records API as flows, which both clients run (see `Flow`)."""

import time
from pathlib import Path
from typing import Generic, TypeVar
from uuid import uuid4

import httpx
import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from orak.client.answers import PresignedUpload, Record, Upload
from orak.client.calls import Call, FileBody, Flow, OnBytes
from orak.client.content_types import content_type_of
from orak.client.errors import OrakApiError, StillProcessing, UnreadableAnswer, api_error
from orak.client.live_events import OnRecord
from orak.client.retries import send

T = TypeVar("T")

_RECORDS = "/records/async"
_PAGE_SIZE = 200
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_POLL_TIMEOUT = 3.0
"""Seconds for one poll: a server that stopped is reported within 20 s, retries included."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list."""

    items: list[T]
    next: dict[str, str | int] | None
    """Parameters of the next page; None after the last page."""


FIRST_PAGE: dict[str, str | int] = {"limit": _PAGE_SIZE}


def presign(
    filename: str,
    size: int,
    content_type: str | None,
    *,
    duration_seconds: int | None,
    create_only: bool,
    idempotency_key: str | None,
) -> Flow[PresignedUpload]:
    """Create an upload; return its presigned URL."""
    body = {
        "originalFilename": filename,
        "fileSize": size,
        "contentType": content_type or content_type_of(filename),
        "createOnly": create_only,
    }
    if duration_seconds is not None:
        body["durationSeconds"] = duration_seconds
    call = Call("POST", f"{_RECORDS}/presigned-url", headers=_idempotency_header(idempotency_key), json=body)
    return (yield from decoded(call, PresignedUpload))


def put(presigned: PresignedUpload, file: Path, on_progress: OnBytes | None) -> Flow[None]:
    """Send the file. A 412 of S3 counts as success: an earlier PUT arrived, and its response was lost.

    orak's own storage compares the bytes, so its 412 says that other bytes are stored.
    """
    body = FileBody(file, file.stat().st_size, on_progress)
    call = Call(presigned.method, presigned.presigned_url, headers=presigned.headers, file=body)
    response, _ = yield from send(call)
    if response.status_code >= 300:
        error = api_error(response)
        if error.status != httpx.codes.PRECONDITION_FAILED or error.code == "PRECONDITION_FAILED":
            raise error


def create(
    title: str,
    upload_id: int,
    *,
    song_id: int | None,
    duration_seconds: int | None,
    wait: float | None,
    idempotency_key: str | None,
) -> Flow[Record]:
    """Create the record of an upload."""
    headers = _idempotency_header(idempotency_key)
    if wait is not None:
        headers["Prefer"] = f"wait={round(wait)}"
    body: dict[str, object] = {"title": title, "uploadId": upload_id}
    if song_id is not None:
        body["songId"] = song_id
    if duration_seconds is not None:
        body["durationSeconds"] = duration_seconds
    return (yield from _record(Call("POST", _RECORDS, headers=headers, json=body)))


def get(
    record_id: int, known: Record | None, *, after: float = 0.0, timeout: float | None = None
) -> Flow[Record]:
    """Return the record; *known* itself if it has not changed."""
    headers = {"If-None-Match": known.etag} if known is not None and known.etag else {}
    call = Call("GET", f"{_RECORDS}/{record_id}", headers=headers, after=after, timeout=timeout)
    response = yield from successful(call)
    if response.status_code == httpx.codes.NOT_MODIFIED and known is not None:
        return known
    return _with_etag(response)


def poll(record_id: int, known: Record | None) -> Flow[Record]:
    """Return the record, with the short timeout of a wait."""
    return get(record_id, known, timeout=_POLL_TIMEOUT)


def wait(record_id: int, deadline: float, seconds: float, on_progress: OnRecord | None) -> Flow[Record]:
    """Poll at growing intervals until the conversion has ended."""
    pause = _FIRST_PAUSE
    record = yield from poll(record_id, None)
    while True:
        if on_progress is not None:
            on_progress(record)
        if record.is_settled:
            return record
        left = deadline - time.monotonic()
        if left <= 0:
            raise StillProcessing(record, seconds)
        record = yield from get(record_id, record, after=min(pause, left), timeout=_POLL_TIMEOUT)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def page(params: dict[str, str | int]) -> Flow[Page[Record]]:
    """Return one page of the caller's records."""
    return (yield from page_of(f"{_RECORDS}/me", params, Record))


def page_of(path: str, params: dict[str, str | int], kind: type[T]) -> Flow[Page[T]]:
    """Return one page of a list."""
    response = yield from successful(Call("GET", path, params=params))
    link = response.links.get("next", {}).get("url")
    # Only the link's query is used: the token must go to the configured URL alone, whatever the link says.
    rest: dict[str, str | int] | None = dict(httpx.URL(link).params) if link else None
    return Page(_decode(response, list[kind]), rest)  # type: ignore[valid-type] # kind is a type at run time


def change(record_id: int, *, title: str | None, song_id: int | UnsetType | None) -> Flow[Record]:
    """Change the title, the song, or both; a song of None removes it."""
    changes: dict[str, object] = {} if title is None else {"title": title}
    if song_id is not UNSET:
        changes["songId"] = song_id
    return (yield from _record(Call("PATCH", f"{_RECORDS}/{record_id}", json=changes)))


def retry(record_id: int) -> Flow[Record]:
    """Convert a failed record again."""
    return (yield from _record(Call("POST", f"{_RECORDS}/{record_id}/retry", repeatable=False)))


def delete(record_id: int) -> Flow[None]:
    """Delete a record and its objects."""
    response, repeated = yield from send(Call("DELETE", f"{_RECORDS}/{record_id}"))
    if response.status_code == httpx.codes.NOT_FOUND and repeated:
        return  # an earlier attempt deleted it; its response was lost
    _check(response)


def upload_status(upload_id: int) -> Flow[Upload]:
    """Return an upload and its status."""
    return (yield from decoded(Call("GET", f"{_RECORDS}/uploads/{upload_id}"), Upload))


def cancel(upload_id: int) -> Flow[None]:
    """Cancel an upload that has not arrived."""
    yield from successful(Call("DELETE", f"{_RECORDS}/uploads/{upload_id}"))


def upload(
    path: Path,
    title: str,
    *,
    song_id: int | None,
    content_type: str | None,
    on_progress: OnBytes | None,
) -> Flow[Record]:
    """Create an upload, send the file, create the record."""
    presigned = yield from _stored(path, content_type, on_progress, create_only=True)
    return (
        yield from create(
            title,
            presigned.upload_id,
            song_id=song_id,
            duration_seconds=None,
            wait=None,
            idempotency_key=None,
        )
    )


def _stored(
    path: Path, content_type: str | None, on_progress: OnBytes | None, *, create_only: bool
) -> Flow[PresignedUpload]:
    """Create an upload and send the file.

    Some S3-compatible stores answer 501 to a conditional PUT; they get a plain one.
    """
    presigned = yield from presign(
        path.name,
        path.stat().st_size,
        content_type,
        duration_seconds=None,
        create_only=create_only,
        idempotency_key=None,
    )
    try:
        yield from put(presigned, path, on_progress)
    except OrakApiError as error:
        if not create_only or error.status != httpx.codes.NOT_IMPLEMENTED:
            raise
        yield from cancel(presigned.upload_id)
        return (yield from _stored(path, content_type, on_progress, create_only=False))
    return presigned


def _idempotency_header(idempotency_key: str | None) -> dict[str, str]:
    """Return the header that makes it safe to repeat a POST if its response was lost."""
    return {"Idempotency-Key": idempotency_key or uuid4().hex}


def successful(call: Call) -> Flow[httpx.Response]:
    """Return the successful response to *call*.

    Raise `OrakApiError` for an error response.
    """
    response, _ = yield from send(call)
    return _check(response)


def _check(response: httpx.Response) -> httpx.Response:
    if response.is_error:
        raise api_error(response)
    if response.has_redirect_location:
        raise UnreadableAnswer(f"{response.url} redirects to {response.headers['Location']}")
    return response


def decoded(call: Call, kind: type[T]) -> Flow[T]:
    """Return the successful response to *call* as a *kind*."""
    response = yield from successful(call)
    return _decode(response, kind)


def _record(call: Call) -> Flow[Record]:
    response = yield from successful(call)
    return _with_etag(response)


def _with_etag(response: httpx.Response) -> Record:
    return replace(_decode(response, Record), etag=response.headers.get("ETag"))


def _decode(response: httpx.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableAnswer(
            f"the response of {response.url.copy_with(query=None)} is not from orak: {error}"
        ) from error
