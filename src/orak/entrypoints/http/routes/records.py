"""Records: naming a take, listing, changing, trying again, deleting."""

from datetime import datetime, timedelta

from litestar import Response, delete, patch, post
from litestar.params import FromPath

from orak.application.records.change_record import ChangeRecord
from orak.application.records.create_record import CreateRecord, NewRecord
from orak.application.records.delete_record import DeleteRecord
from orak.application.records.get_record import GetRecord
from orak.application.records.list_records import ListRecords
from orak.application.records.retry_record import RetryRecord
from orak.domain.identity import RecordId, SongId, UploadId
from orak.domain.policies.fields import id_problem
from orak.domain.record import RecordSnapshot, title_problem
from orak.entrypoints.http.answers.etags import is_known
from orak.entrypoints.http.answers.languages import language_of
from orak.entrypoints.http.answers.views import RecordView
from orak.entrypoints.http.requests.bodies import read_json, read_query
from orak.entrypoints.http.requests.idempotency import idempotency_key_of
from orak.entrypoints.http.requests.injection import CallOf, Injected
from orak.entrypoints.http.requests.pagination import link_to, page_of
from orak.entrypoints.http.requests.parameters import Parameters, path_id
from orak.entrypoints.http.requests.preferences import preferred_wait
from orak.entrypoints.http.routes.reading import read
from orak.entrypoints.running import Running

_REVALIDATED = {"Cache-Control": "private, no-cache", "Vary": "Accept-Language"}
"""Kept by the browser only, and asked about each time: the take may have moved on."""


@post("/", status_code=200)
async def name_take(
    request: CallOf, running: Injected[Running], create_record: Injected[CreateRecord]
) -> Response[RecordView]:
    """Name an upload. See `CreateRecord`."""
    parameters = Parameters(await read_json(request))
    title = parameters.text("title")
    upload_id, song_id = parameters.identifier("uploadId"), parameters.identifier("songId")
    new = NewRecord(
        title=title,
        upload_id=None if upload_id is None else UploadId(upload_id),
        song_id=None if song_id is None else SongId(song_id),
        duration_seconds=parameters.seconds("durationSeconds"),
    )
    parameters.check(new.problems(create_record.policy))
    idempotency_key = idempotency_key_of(request, "POST /records/async", new)
    wait, began = preferred_wait(request.headers), running.clock.now()
    snapshot = await create_record(request.user, new, wait=wait, idempotency_key=idempotency_key)
    return _shown(request, running, snapshot, _preference_applied(running, snapshot, wait, began))


def _preference_applied(
    running: Running, snapshot: RecordSnapshot, wait: int | None, began: datetime
) -> dict[str, str]:
    """Name the preference only if it was honoured (RFC 7240 §3).

    Shutdown ends a wait early, and bytes that are yet to be sent are not waited for.
    """
    if wait is None:
        return {}
    honoured = snapshot.is_settled or running.clock.now() >= began + timedelta(seconds=wait)
    return {"Preference-Applied": f"wait={wait}"} if honoured else {}


@read("/me")
async def list_own_records(
    request: CallOf, running: Injected[Running], list_records: Injected[ListRecords]
) -> Response[list[RecordView]]:
    """List the caller's records. See `ListRecords`."""
    query = read_query(request)
    listed = await list_records(request.user, page_of(query))
    language = language_of(request.headers)
    views = [RecordView.of(snapshot, running.settings, language) for snapshot in listed.snapshots]
    link = link_to(listed.next, f"{running.settings.base_url}/records/async/me", limited="limit" in query)
    return Response(views, headers=_REVALIDATED | link)


@read("/{record_id:str}")
async def show_record(
    request: CallOf, record_id: FromPath[str], running: Injected[Running], get_record: Injected[GetRecord]
) -> Response[RecordView] | Response[None]:
    """Show a record. See `GetRecord`."""
    snapshot = await get_record(request.user, RecordId(path_id(record_id)))
    etag = _etag(snapshot, language_of(request.headers))
    if is_known(request.headers, etag):
        return Response(None, status_code=304, headers=_REVALIDATED | {"ETag": etag})
    return _shown(request, running, snapshot, {"ETag": etag})


@patch("/{record_id:str}")
async def rename_record(
    request: CallOf,
    record_id: FromPath[str],
    running: Injected[Running],
    change_record: Injected[ChangeRecord],
) -> Response[RecordView]:
    """Change title or song. See `ChangeRecord`."""
    identity = RecordId(path_id(record_id))
    parameters = Parameters(await read_json(request))
    title, song_id = parameters.text("title"), parameters.identifier("songId")
    parameters.check(
        (
            title_problem(title) if parameters.has("title") else None,  # null is for taking away (RFC 7396)
            None if song_id is None else id_problem("songId", song_id),
        )
    )
    snapshot = await change_record(
        request.user, identity, title=title, song_id=None if song_id is None else SongId(song_id)
    )
    return _shown(request, running, snapshot, {})


@post("/{record_id:str}/retry", status_code=200)
async def convert_again(
    request: CallOf, record_id: FromPath[str], running: Injected[Running], retry_record: Injected[RetryRecord]
) -> Response[RecordView]:
    """Convert a failed take once more. See `RetryRecord`."""
    snapshot = await retry_record(request.user, RecordId(path_id(record_id)))
    return _shown(request, running, snapshot, {})


@delete("/{record_id:str}")
async def remove_record(
    request: CallOf, record_id: FromPath[str], delete_record: Injected[DeleteRecord]
) -> None:
    """Delete a record. See `DeleteRecord`."""
    await delete_record(request.user, RecordId(path_id(record_id)))


def _shown(
    request: CallOf, running: Running, snapshot: RecordSnapshot, headers: dict[str, str]
) -> Response[RecordView]:
    view = RecordView.of(snapshot, running.settings, language_of(request.headers))
    return Response(view, headers=_REVALIDATED | headers)


def _etag(snapshot: RecordSnapshot, language: str) -> str:
    """Name one rendering: whatever is shown moves one of these. The language is in the failure's message."""
    record, upload = snapshot.record, snapshot.upload
    return f'"{record.version}-{upload.version}-{upload.progress}-{language}"'
