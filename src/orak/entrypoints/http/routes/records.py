"""Records: creating, listing, changing, retrying and deleting them."""

from datetime import timedelta
from hashlib import blake2b
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from orak.application.records.change_record import ChangeRecord
from orak.application.records.create_record import CreateRecord, NewRecord
from orak.application.records.delete_record import DeleteRecord
from orak.application.records.get_record import GetRecord
from orak.application.records.list_records import ListRecords
from orak.application.records.retry_record import RetryRecord
from orak.domain.identity import RecordId, SongId, UploadId
from orak.domain.policies.fields import MAX_NAME, id_problem
from orak.domain.record import RecordSnapshot, title_problem
from orak.entrypoints.http.answers.error_codes import ErrorCode as E
from orak.entrypoints.http.answers.etags import is_known
from orak.entrypoints.http.answers.languages import language_of
from orak.entrypoints.http.answers.views import RecordView
from orak.entrypoints.http.api import NO_CONTENT_RESPONSE, ApiRequest, ApiResponse, Routes
from orak.entrypoints.http.openapi.operation import (
    NO_CONTENT,
    NOT_MODIFIED,
    TEXT,
    Answer,
    JsonObject,
    Parameter,
    operation,
    path_parameter,
)
from orak.entrypoints.http.requests.bodies import Body, read_query
from orak.entrypoints.http.requests.creation_headers import (
    IDEMPOTENCY_PARAMETER,
    PREFER_PARAMETER,
    idempotency_key_of,
    preferred_wait,
)
from orak.entrypoints.http.requests.pagination import (
    COUNT_PARAMETER,
    PAGE_PARAMETERS,
    TOTAL,
    counted_page_of,
    next_link,
    total_header,
)
from orak.entrypoints.http.requests.parameters import (
    DURATION,
    IDENTIFIER,
    OPTIONAL_IDENTIFIER,
    Parameters,
    path_id,
)
from orak.entrypoints.running import Running

records = Routes("/records/async", "records")

_REVALIDATED = {"Cache-Control": "private, no-cache", "Vary": "Accept-Language"}
"""Only the browser keeps the answer, and asks each time whether it is still current."""

RECORD_ID = path_parameter("recordId", "Id of the record.")

IF_NONE_MATCH = Parameter("header", "If-None-Match", "Answer 304 if this is still the version.", TEXT)

_RECORD_ERRORS = (E.RECORD_NOT_FOUND, E.NOT_FOUND, E.RECORD_PERMISSION_DENIED)
"""Errors of every operation on one record."""

_TITLE: JsonObject = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_NAME,
    "description": "Title, not blank; stored in Unicode NFC without bidi controls.",
    "examples": ["첫 노래"],
}


class RecordChange(NamedTuple):
    """The fields to change; None keeps the title, and UNSET the song."""

    title: str | None
    song_id: SongId | UnsetType | None


def _new_record(parameters: Parameters, running: Running) -> NewRecord:
    title = parameters.text("title")
    upload_id, song_id = parameters.identifier("uploadId"), parameters.identifier("songId")
    new = NewRecord(
        title=title,
        upload_id=None if upload_id is None else UploadId(upload_id),
        song_id=None if song_id is None else SongId(song_id),
        duration_seconds=parameters.seconds("durationSeconds"),
    )
    parameters.check(new.problems(running.use_cases.create_record.policy))
    return new


def _record_change(parameters: Parameters, _: Running) -> RecordChange:
    title, song_id = parameters.text("title"), parameters.identifier("songId")
    parameters.check(
        (
            title_problem(title) if parameters.has("title") else None,  # null would remove it (RFC 7396)
            None if song_id is None else id_problem("song_id", song_id),
        )
    )
    if not parameters.has("songId"):
        return RecordChange(title, UNSET)
    return RecordChange(title, None if song_id is None else SongId(song_id))


NEW_RECORD = Body(
    "NewRecord",
    "The title of a record, and the upload that it names.",
    {
        "title": _TITLE,
        "uploadId": {**IDENTIFIER, "description": "Id of the upload."},
        "songId": {**OPTIONAL_IDENTIFIER, "description": "Id of the song."},
        "durationSeconds": DURATION,
    },
    required=("title", "uploadId"),
    parse=_new_record,
    example={"title": "첫 노래", "uploadId": 4711, "songId": 815},
)

RECORD_CHANGE = Body(
    "RecordChange",
    "The fields to change; omitted fields keep their value.",
    {"title": _TITLE, "songId": {**OPTIONAL_IDENTIFIER, "description": "Id of the song; null removes it."}},
    required=(),
    parse=_record_change,
    example={"title": "둘째 노래"},
)


@records.post()
@operation(
    CreateRecord,
    parameters=(IDEMPOTENCY_PARAMETER, PREFER_PARAMETER),
    body=NEW_RECORD,
    answers={
        200: Answer(
            "The record; COMPLETED if the conversion ended within the wait.",
            RecordView,
            ("Preference-Applied",),
        )
    },
    errors=(E.RECORD_OPERATION_FAILED, E.RECORD_PERMISSION_DENIED, E.IDEMPOTENCY_CONFLICT),
)
async def create_record(request: ApiRequest) -> ApiResponse:
    """Create the record of an upload."""
    running = request.running
    new = await NEW_RECORD.parsed(request)
    key = idempotency_key_of(request, "POST /records/async", new)
    wait, began = preferred_wait(request.headers), running.clock.now()
    snapshot = await running.use_cases.create_record(request.actor, new, wait=wait, idempotency_key=key)
    applied = _preference_applied(snapshot, wait, running.clock.now() - began)
    return _record_response(request, snapshot, applied)


def _preference_applied(snapshot: RecordSnapshot, wait: int | None, took: timedelta) -> dict[str, str]:
    """Return the header that confirms the wait of `Prefer`, if it was honoured (RFC 7240 §3).

    Shutdown ends a wait early, and nothing waits for bytes that are not uploaded yet.
    """
    if wait is None or not (snapshot.is_settled or took >= timedelta(seconds=wait)):
        return {}
    return {"Preference-Applied": f"wait={wait}"}


@records.get("/me")
@operation(
    ListRecords,
    parameters=(*PAGE_PARAMETERS, COUNT_PARAMETER),
    answers={200: Answer("One page, newest first.", list[RecordView], ("Link", TOTAL))},
    errors=(E.VALIDATION_FAILED,),
)
async def list_records(request: ApiRequest) -> ApiResponse:
    """List the caller's records."""
    running, query = request.running, read_query(request.query_string)
    page, counted = counted_page_of(query)
    listed = await running.use_cases.list_records(request.actor, page, count=counted)
    language = language_of(request.headers)
    encoded = request.encoded_records.encoded
    body = b"[%b]" % b",".join([encoded(record, language) for record in listed.records])
    link = next_link(listed.next, f"{running.settings.base_url}/records/async/me", query)
    return ApiResponse(body, _REVALIDATED | link | total_header(listed.total))


@records.get("/{record_id}")
@operation(
    GetRecord,
    parameters=(RECORD_ID, IF_NONE_MATCH),
    answers={200: Answer("The record.", RecordView, ("ETag",)), 304: NOT_MODIFIED},
    errors=_RECORD_ERRORS,
)
async def get_record(request: ApiRequest, record_id: str) -> ApiResponse:
    """Get a record."""
    running = request.running
    snapshot = await running.use_cases.get_record(request.actor, RecordId(path_id(record_id)))
    etag = _etag(snapshot, language_of(request.headers))
    if is_known(request.headers, etag):
        return ApiResponse(headers=_REVALIDATED | {"ETag": etag}, status=304, media_type=None)
    return _record_response(request, snapshot, {"ETag": etag})


@records.patch("/{record_id}")
@operation(
    ChangeRecord,
    parameters=(RECORD_ID,),
    body=RECORD_CHANGE,
    answers={200: Answer("The changed record.", RecordView)},
    errors=(*_RECORD_ERRORS, E.RECORD_OPERATION_FAILED, E.CONFLICT),
)
async def change_record(request: ApiRequest, record_id: str) -> ApiResponse:
    """Change the title or the song of a record."""
    running, identity = request.running, RecordId(path_id(record_id))
    change = await RECORD_CHANGE.parsed(request)
    snapshot = await running.use_cases.change_record(
        request.actor, identity, title=change.title, song_id=change.song_id
    )
    return _record_response(request, snapshot, {})


@records.post("/{record_id}/retry")
@operation(
    RetryRecord,
    parameters=(RECORD_ID,),
    answers={200: Answer("The record, waiting for conversion again.", RecordView)},
    errors=(*_RECORD_ERRORS, E.CONFLICT),
)
async def retry_record(request: ApiRequest, record_id: str) -> ApiResponse:
    """Convert a failed record again."""
    running = request.running
    snapshot = await running.use_cases.retry_record(request.actor, RecordId(path_id(record_id)))
    return _record_response(request, snapshot, {})


@records.delete("/{record_id}")
@operation(
    DeleteRecord,
    parameters=(RECORD_ID,),
    answers={204: NO_CONTENT},
    errors=(*_RECORD_ERRORS, E.CONFLICT),
)
async def delete_record(request: ApiRequest, record_id: str) -> ApiResponse:
    """Delete a record."""
    await request.running.use_cases.delete_record(request.actor, RecordId(path_id(record_id)))
    return NO_CONTENT_RESPONSE


def _record_response(request: ApiRequest, snapshot: RecordSnapshot, headers: dict[str, str]) -> ApiResponse:
    body = request.encoded_records.encoded(snapshot.shown(), language_of(request.headers))
    return ApiResponse(body, _REVALIDATED | headers)


def _etag(snapshot: RecordSnapshot, language: str) -> str:
    """Return a tag that changes whenever a field of the answer changes.

    It includes the language, because the message of a failure depends on it.
    """
    state = msgspec.json.encode((language, *snapshot.shown().state))
    return f'"{blake2b(state, digest_size=12).hexdigest()}"'
