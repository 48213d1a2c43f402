"""Uploads: the URL to send bytes to, and what became of them."""

from litestar import Response, delete, post
from litestar.params import FromPath

from orak.application.uploads.cancel_upload import CancelUpload
from orak.application.uploads.get_upload import GetUpload
from orak.application.uploads.request_upload import NewUpload, RequestUpload
from orak.domain.identity import UploadId
from orak.entrypoints.http.answers.languages import language_of
from orak.entrypoints.http.answers.views import SignedUploadView, UploadView
from orak.entrypoints.http.requests.bodies import read_parameters
from orak.entrypoints.http.requests.idempotency import idempotency_key_of
from orak.entrypoints.http.requests.injection import CallOf, Injected
from orak.entrypoints.http.requests.parameters import Parameters, path_id
from orak.entrypoints.http.routes.reading import read

_NOT_STORED = {"Cache-Control": "no-store"}
"""A signed URL is as good as a password, and a status is of the moment."""


@post("/presigned-url", status_code=200)
async def request_presigned_url(
    request: CallOf, request_upload: Injected[RequestUpload]
) -> Response[SignedUploadView]:
    """Begin an upload. See `RequestUpload`."""
    parameters = Parameters(await read_parameters(request))
    new = NewUpload(
        original_filename=parameters.text("originalFilename"),
        file_size=parameters.whole_number("fileSize"),
        content_type=parameters.text("contentType"),
        duration_seconds=parameters.seconds("durationSeconds"),
        create_only=parameters.flag("createOnly"),
    )
    parameters.check(new.problems(request_upload.policy))
    idempotency_key = idempotency_key_of(request, "POST /records/async/presigned-url", new)
    signed = await request_upload(request.user, new, idempotency_key=idempotency_key)
    return Response(SignedUploadView.of(signed), headers=_NOT_STORED)


@read("/uploads/{upload_id:str}")
async def show_upload(
    request: CallOf, upload_id: FromPath[str], get_upload: Injected[GetUpload]
) -> Response[UploadView]:
    """Show an upload. See `GetUpload`."""
    upload = await get_upload(request.user, UploadId(path_id(upload_id)))
    language = language_of(request.headers)
    headers = {"Vary": "Accept-Language", **_NOT_STORED}
    return Response(UploadView.of(upload, language), headers=headers)


@delete("/uploads/{upload_id:str}")
async def give_up_upload(
    request: CallOf, upload_id: FromPath[str], cancel_upload: Injected[CancelUpload]
) -> None:
    """Give an upload up. See `CancelUpload`."""
    await cancel_upload(request.user, UploadId(path_id(upload_id)))
