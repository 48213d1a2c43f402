"""What is said to orak and how its answers are understood, for both clients (see `Flow`)."""

import time
from pathlib import Path
from typing import Generic, TypeVar
from uuid import uuid4

import httpx
import msgspec
from msgspec.structs import replace

from orak.client.answers import PresignedUpload, Record, Upload
from orak.client.calls import Call, FileBody, Flow, OnBytes
from orak.client.content_types import content_type_of
from orak.client.errors import StillProcessing, UnreadableAnswer, refusal
from orak.client.following import OnRecord
from orak.client.retrying import answer_to

T = TypeVar("T")

_RECORDS = "/records/async"
_PAGE = 200
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_LOOK_TIMEOUT = 3.0
"""Seconds for one look while waiting: a server that stopped is told of in 20 s, repetitions and all."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some items of a list, and what to ask for to have the next; None after the last."""

    items: list[T]
    next: dict[str, str | int] | None


FIRST_PAGE: dict[str, str | int] = {"limit": _PAGE}


def presign(
    filename: str,
    size: int,
    content_type: str | None,
    *,
    duration_seconds: int | None,
    create_only: bool,
    idempotency_key: str | None,
) -> Flow[PresignedUpload]:
    """Ask for a URL to send bytes to."""
    body = {
        "originalFilename": filename,
        "fileSize": size,
        "contentType": content_type or content_type_of(filename),
        "createOnly": create_only,
    }
    if duration_seconds is not None:
        body["durationSeconds"] = duration_seconds
    call = Call("POST", f"{_RECORDS}/presigned-url", headers=_once(idempotency_key), json=body)
    return (yield from decoded(call, PresignedUpload))


def put(presigned: PresignedUpload, file: Path, on_progress: OnBytes | None) -> Flow[None]:
    """Send the bytes; a store that has them already is as good as one that took them."""
    body = FileBody(file, file.stat().st_size, on_progress)
    call = Call(presigned.method, presigned.presigned_url, headers=presigned.headers, file=body)
    response, _ = yield from answer_to(call)
    if response.status_code >= 300 and response.status_code != httpx.codes.PRECONDITION_FAILED:
        raise refusal(response)


def create(
    title: str,
    upload_id: int,
    *,
    song_id: int | None,
    duration_seconds: int | None,
    wait: float | None,
    idempotency_key: str | None,
) -> Flow[Record]:
    """Name the take."""
    headers = _once(idempotency_key)
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
    """Read a record; *known* itself if it is still so."""
    headers = {"If-None-Match": known.etag} if known is not None and known.etag else {}
    call = Call("GET", f"{_RECORDS}/{record_id}", headers=headers, after=after, timeout=timeout)
    response = yield from accepted(call)
    if response.status_code == httpx.codes.NOT_MODIFIED and known is not None:
        return known
    return _with_etag(response)


def look(record_id: int, known: Record | None) -> Flow[Record]:
    """Read a record whose end is waited for."""
    return get(record_id, known, timeout=_LOOK_TIMEOUT)


def wait(record_id: int, deadline: float, seconds: float, on_progress: OnRecord | None) -> Flow[Record]:
    """Ask again and again, at growing intervals, until the record is settled."""
    pause = _FIRST_PAUSE
    record = yield from look(record_id, None)
    while True:
        if on_progress is not None:
            on_progress(record)
        if record.is_settled:
            return record
        left = deadline - time.monotonic()
        if left <= 0:
            raise StillProcessing(record, seconds)
        record = yield from get(record_id, record, after=min(pause, left), timeout=_LOOK_TIMEOUT)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def page(params: dict[str, str | int]) -> Flow[Page[Record]]:
    """Read one page of the caller's records."""
    return (yield from page_of(f"{_RECORDS}/me", params, Record))


def page_of(path: str, params: dict[str, str | int], kind: type[T]) -> Flow[Page[T]]:
    """Read one page of a list."""
    response = yield from accepted(Call("GET", path, params=params))
    link = response.links.get("next", {}).get("url")
    # Only the link's query is followed: wherever it leads to, the token goes to the configured URL alone.
    rest: dict[str, str | int] | None = dict(httpx.URL(link).params) if link else None
    return Page(_decode(response, list[kind]), rest)  # type: ignore[valid-type] # kind is one at run time


def change(record_id: int, *, title: str | None, song_id: int | None) -> Flow[Record]:
    """Give a record another title, another song, or both."""
    body: dict[str, object] = {"title": title, "songId": song_id}
    changes = {name: value for name, value in body.items() if value is not None}
    return (yield from _record(Call("PATCH", f"{_RECORDS}/{record_id}", json=changes)))


def retry(record_id: int) -> Flow[Record]:
    """Have a take that failed converted again."""
    return (yield from _record(Call("POST", f"{_RECORDS}/{record_id}/retry", repeatable=False)))


def delete(record_id: int) -> Flow[None]:
    """Delete a record with all that belongs to it."""
    response, repeated = yield from answer_to(Call("DELETE", f"{_RECORDS}/{record_id}"))
    if response.status_code == httpx.codes.NOT_FOUND and repeated:
        return  # the first sending did it, and its answer was lost
    _check(response)


def upload_status(upload_id: int) -> Flow[Upload]:
    """Read where an upload stands."""
    return (yield from decoded(Call("GET", f"{_RECORDS}/uploads/{upload_id}"), Upload))


def cancel(upload_id: int) -> Flow[None]:
    """Give up an upload that has not arrived."""
    yield from accepted(Call("DELETE", f"{_RECORDS}/uploads/{upload_id}"))


def upload(
    path: Path,
    title: str,
    *,
    song_id: int | None,
    content_type: str | None,
    on_progress: OnBytes | None,
) -> Flow[Record]:
    """Do it all: presign, send, name."""
    presigned = yield from presign(
        path.name,
        path.stat().st_size,
        content_type,
        duration_seconds=None,
        create_only=True,
        idempotency_key=None,
    )
    yield from put(presigned, path, on_progress)
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


def _once(idempotency_key: str | None) -> dict[str, str]:
    """Make a POST one with its repetitions: it is then safe to send again when an answer is lost."""
    return {"Idempotency-Key": idempotency_key or uuid4().hex}


def accepted(call: Call) -> Flow[httpx.Response]:
    """Hear a good answer. Raise `OrakApiError` for a refusal."""
    response, _ = yield from answer_to(call)
    return _check(response)


def _check(response: httpx.Response) -> httpx.Response:
    if response.is_error:
        raise refusal(response)
    if response.has_redirect_location:
        raise UnreadableAnswer(f"{response.url} leads on to {response.headers['Location']}")
    return response


def decoded(call: Call, kind: type[T]) -> Flow[T]:
    """Hear a good answer and read it."""
    response = yield from accepted(call)
    return _decode(response, kind)


def _record(call: Call) -> Flow[Record]:
    response = yield from accepted(call)
    return _with_etag(response)


def _with_etag(response: httpx.Response) -> Record:
    return replace(_decode(response, Record), etag=response.headers.get("ETag"))


def _decode(response: httpx.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableAnswer(
            f"{response.url.copy_with(query=None)} gave no answer of orak's: {error}"
        ) from error
