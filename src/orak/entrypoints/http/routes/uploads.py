"""Uploads: requesting a presigned URL, getting the status, and cancelling."""

from collections.abc import Mapping

from orak.application.uploads.cancel_upload import CancelUpload
from orak.application.uploads.get_upload import GetUpload
from orak.application.uploads.request_upload import NewUpload, RequestUpload
from orak.domain.formats import CONTENT_TYPES, EXTENSIONS
from orak.domain.identity import UploadId
from orak.domain.policies.fields import MAX_NAME
from orak.domain.policies.uploads import MAX_CONTENT_TYPE
from orak.entrypoints.http.answers.error_codes import ErrorCode as E
from orak.entrypoints.http.answers.languages import language_of
from orak.entrypoints.http.answers.views import SignedUploadView, UploadView
from orak.entrypoints.http.api import (
    NO_CONTENT_RESPONSE,
    NOT_STORED,
    ApiRequest,
    ApiResponse,
    Routes,
    json_response,
)
from orak.entrypoints.http.openapi.operation import (
    NO_CONTENT,
    Answer,
    JsonObject,
    Parameter,
    operation,
    path_parameter,
)
from orak.entrypoints.http.requests.bodies import Body, read_parameters
from orak.entrypoints.http.requests.creation_headers import IDEMPOTENCY_PARAMETER, idempotency_key_of
from orak.entrypoints.http.requests.parameters import DURATION, Parameters, path_id
from orak.entrypoints.running import Running

uploads = Routes("/records/async", "uploads")

UPLOAD_ID = path_parameter("uploadId", "Id of the upload.")

_UPLOAD_ERRORS = (E.RECORD_OPERATION_FAILED, E.NOT_FOUND, E.RECORD_PERMISSION_DENIED)
"""Errors of every operation on one upload."""


def _new_upload(parameters: Parameters, running: Running) -> NewUpload:
    new = NewUpload(
        original_filename=parameters.text("originalFilename"),
        file_size=parameters.whole_number("fileSize"),
        content_type=parameters.text("contentType"),
        duration_seconds=parameters.seconds("durationSeconds"),
        create_only=parameters.flag("createOnly"),
    )
    parameters.check(new.problems(running.use_cases.request_upload.policy))
    return new


_PROPERTIES: Mapping[str, JsonObject] = {
    "originalFilename": {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_NAME,
        "description": "Name of the file, stored in Unicode NFC without bidi controls. "
        f"Its extension is one of {', '.join(EXTENSIONS)}.",
        "examples": ["take.webm"],
    },
    "fileSize": {
        "type": "integer",
        "format": "int64",
        "minimum": 1,
        "description": "Size in bytes, at most `MAX_UPLOAD_BYTES` (200 MiB by default).",
        "examples": [1048576],
    },
    "contentType": {
        "type": "string",
        "maxLength": MAX_CONTENT_TYPE,
        "description": f"Media type: one of {', '.join(CONTENT_TYPES)}. Parameters are kept.",
        "examples": ["audio/webm;codecs=opus"],
    },
    "durationSeconds": DURATION,
    "createOnly": {
        "type": "boolean",
        "default": False,
        "description": "Whether the signature shall forbid overwriting (`If-None-Match: *`). `headers` in "
        "the answer says whether it does: not every store can.",
    },
}

NEW_UPLOAD = Body(
    "NewUpload",
    "The file to be uploaded.",
    _PROPERTIES,
    required=("originalFilename", "fileSize", "contentType"),
    parse=_new_upload,
    example={
        "originalFilename": "take.webm",
        "fileSize": 1048576,
        "contentType": "audio/webm;codecs=opus",
        "durationSeconds": 184,
        "createOnly": True,
    },
    media_types=("application/json", "application/x-www-form-urlencoded", "multipart/form-data"),
    read=read_parameters,
    is_required=False,
)


@uploads.post("/presigned-url")
@operation(
    RequestUpload,
    notes="""\
Send the parameters in the query string, as `application/x-www-form-urlencoded`, as `multipart/form-data` (a
browser's `FormData`) or as JSON. Query and body may be mixed; the body wins. `originalFilename`, `fileSize`
and `contentType` are required in one of them. Unknown parameters of the query or a form are ignored; an
unknown field of JSON is refused.""",
    parameters=(
        *(
            Parameter("query", name, "As in the body, which wins.", schema)
            for name, schema in _PROPERTIES.items()
        ),
        IDEMPOTENCY_PARAMETER,
    ),
    body=NEW_UPLOAD,
    answers={200: Answer("The upload, and the exact request that sends its bytes.", SignedUploadView)},
    errors=(E.RECORD_OPERATION_FAILED, E.IDEMPOTENCY_CONFLICT, E.RATE_LIMITED, E.QUOTA_EXCEEDED),
)
async def request_upload(request: ApiRequest) -> ApiResponse:
    """Request a presigned URL for an upload."""
    new = await NEW_UPLOAD.parsed(request)
    key = idempotency_key_of(request, "POST /records/async/presigned-url", new)
    signed = await request.running.use_cases.request_upload(request.actor, new, idempotency_key=key)
    return json_response(SignedUploadView.of(signed))


@uploads.get("/uploads/{upload_id}")
@operation(
    GetUpload,
    parameters=(UPLOAD_ID,),
    answers={200: Answer("The upload.", UploadView)},
    errors=_UPLOAD_ERRORS,
)
async def get_upload(request: ApiRequest, upload_id: str) -> ApiResponse:
    """Get an upload."""
    upload = await request.running.use_cases.get_upload(request.actor, UploadId(path_id(upload_id)))
    view = UploadView.of(upload, language_of(request.headers))
    return json_response(view, {"Vary": "Accept-Language", **NOT_STORED})


@uploads.delete("/uploads/{upload_id}")
@operation(
    CancelUpload,
    parameters=(UPLOAD_ID,),
    answers={204: NO_CONTENT},
    errors=(*_UPLOAD_ERRORS, E.CONFLICT),
)
async def cancel_upload(request: ApiRequest, upload_id: str) -> ApiResponse:
    """Cancel an upload."""
    await request.running.use_cases.cancel_upload(request.actor, UploadId(path_id(upload_id)))
    return NO_CONTENT_RESPONSE
