"""What each operation promises, for the OpenAPI document: the rules come from the use cases' docstrings."""

from collections.abc import Mapping
from inspect import getdoc
from typing import NamedTuple

from orak.application.events.issue_ticket import IssueTicket
from orak.application.events.watch_records import WatchRecords
from orak.application.operators.get_statistics import GetStatistics
from orak.application.operators.list_failures import ListFailures
from orak.application.operators.list_orphans import ListOrphans
from orak.application.operators.retry_failure import RetryFailure
from orak.application.operators.set_batch_size import SetBatchSize
from orak.application.operators.trigger_batch import TriggerBatch
from orak.application.records.change_record import ChangeRecord
from orak.application.records.create_record import CreateRecord
from orak.application.records.delete_record import DeleteRecord
from orak.application.records.get_record import GetRecord
from orak.application.records.list_records import ListRecords
from orak.application.records.retry_record import RetryRecord
from orak.application.uploads.cancel_upload import CancelUpload
from orak.application.uploads.get_upload import GetUpload
from orak.application.uploads.request_upload import RequestUpload
from orak.entrypoints.http.answers.error_codes import ErrorCode as E
from orak.entrypoints.http.openapi import parts

JsonObject = Mapping[str, object]


class Operation(NamedTuple):
    """One method of one path."""

    method: str
    path: str
    name: str
    tag: str
    rule: str
    """The first line is the summary."""
    success: Mapping[str, JsonObject]
    errors: tuple[E, ...]
    parameters: tuple[JsonObject, ...] = ()
    body: JsonObject | None = None
    public: bool = False


def rule_of(use_case: type) -> str:
    """Return what a use case says of itself."""
    return getdoc(use_case) or ""


_MINE = (E.RECORD_NOT_FOUND, E.NOT_FOUND, E.RECORD_PERMISSION_DENIED)
"""What can be wrong with a record's id."""

_UPLOAD = (E.RECORD_OPERATION_FAILED, E.NOT_FOUND, E.RECORD_PERMISSION_DENIED)
"""What can be wrong with an upload's id."""

_BODY = (E.VALIDATION_FAILED, E.PAYLOAD_TOO_LARGE, E.UNSUPPORTED_MEDIA_TYPE)
"""What can be wrong with a body."""

_OBJECT = (E.NOT_FOUND, E.PRECONDITION_FAILED, E.RANGE_NOT_SATISFIABLE)
"""What can be wrong with the reading of an object."""

OPERATIONS = (
    Operation(
        "post",
        "/records/async/presigned-url",
        "requestPresignedUrl",
        "uploads",
        rule_of(RequestUpload) + "\n\n" + parts.FOUR_WAYS,
        {"200": parts.ok("The upload, and exactly the request that sends its bytes.", "SignedUploadView")},
        (*_BODY, E.IDEMPOTENCY_CONFLICT, E.RATE_LIMITED, E.QUOTA_EXCEEDED),
        (*parts.PRESIGN_QUERY, parts.IDEMPOTENCY_KEY),
        parts.PRESIGN_BODY,
    ),
    Operation(
        "get",
        "/records/async/uploads/{uploadId}",
        "getUpload",
        "uploads",
        rule_of(GetUpload),
        {"200": parts.ok("The upload as it is now.", "UploadView")},
        _UPLOAD,
        (parts.UPLOAD_ID,),
    ),
    Operation(
        "delete",
        "/records/async/uploads/{uploadId}",
        "cancelUpload",
        "uploads",
        rule_of(CancelUpload),
        {"204": {"description": "It is given up."}},
        (*_UPLOAD, E.CONFLICT),
        (parts.UPLOAD_ID,),
    ),
    Operation(
        "post",
        "/records/async",
        "createRecord",
        "records",
        rule_of(CreateRecord),
        {
            "200": parts.ok(
                "The record: COMPLETED if its conversion was that fast.", "RecordView", "Preference-Applied"
            )
        },
        (*_BODY, E.RECORD_OPERATION_FAILED, E.RECORD_PERMISSION_DENIED, E.IDEMPOTENCY_CONFLICT),
        (parts.IDEMPOTENCY_KEY, parts.PREFER),
        parts.json_body("NewRecord"),
    ),
    Operation(
        "get",
        "/records/async/me",
        "listRecords",
        "records",
        rule_of(ListRecords),
        {"200": parts.ok("One page, newest first.", "RecordView", "Link", is_list=True)},
        (E.VALIDATION_FAILED,),
        parts.PAGE,
    ),
    Operation(
        "get",
        "/records/async/{recordId}",
        "getRecord",
        "records",
        rule_of(GetRecord),
        {
            "200": parts.ok("The record as it is now.", "RecordView", "ETag"),
            "304": {"description": "It is still the version that If-None-Match names."},
        },
        _MINE,
        (parts.RECORD_ID, parts.IF_NONE_MATCH),
    ),
    Operation(
        "patch",
        "/records/async/{recordId}",
        "changeRecord",
        "records",
        rule_of(ChangeRecord),
        {"200": parts.ok("The record as it is now.", "RecordView")},
        (*_MINE, *_BODY, E.RECORD_OPERATION_FAILED, E.CONFLICT),
        (parts.RECORD_ID,),
        parts.json_body("RecordChange"),
    ),
    Operation(
        "post",
        "/records/async/{recordId}/retry",
        "retryRecord",
        "records",
        rule_of(RetryRecord),
        {"200": parts.ok("The record, in line again.", "RecordView")},
        (*_MINE, E.CONFLICT),
        (parts.RECORD_ID,),
    ),
    Operation(
        "delete",
        "/records/async/{recordId}",
        "deleteRecord",
        "records",
        rule_of(DeleteRecord),
        {"204": {"description": "It is gone."}},
        (*_MINE, E.CONFLICT),
        (parts.RECORD_ID,),
    ),
    Operation(
        "get",
        "/records/async/events",
        "watchRecords",
        "live",
        f"{rule_of(WatchRecords)}\n\nA stream of server-sent events; the same over a WebSocket is at "
        "`/records/async/live`.",
        {
            "200": {
                "description": "Each event's data is a `LiveView`; changes have an id, ticks have none.",
                "content": {"text/event-stream": {"schema": parts.reference("schemas", "LiveView")}},
            }
        },
        (E.VALIDATION_FAILED, E.UNAUTHORIZED, E.RATE_LIMITED),
        (parts.LAST_EVENT_ID, parts.TICKET),
    ),
    Operation(
        "post",
        "/records/async/live/ticket",
        "issueTicket",
        "live",
        rule_of(IssueTicket),
        {"200": parts.ok("The ticket.", "TicketView")},
        (),
    ),
    Operation(
        "put",
        "/records/async/batch/size",
        "setBatchSize",
        "operators",
        rule_of(SetBatchSize),
        {"200": parts.ok("The size that is set.", "BatchSizeView")},
        (E.VALIDATION_FAILED, E.FORBIDDEN),
        (parts.BATCH_SIZE,),
    ),
    Operation(
        "post",
        "/records/async/batch/trigger",
        "triggerBatch",
        "operators",
        rule_of(TriggerBatch),
        {"200": parts.ok("A worker is being woken.", "TriggeredView")},
        (E.FORBIDDEN,),
    ),
    Operation(
        "get",
        "/records/async/batch/statistics",
        "getStatistics",
        "operators",
        rule_of(GetStatistics),
        {"200": parts.ok("How it goes.", "StatisticsView")},
        (E.FORBIDDEN,),
    ),
    Operation(
        "get",
        "/records/async/batch/orphans",
        "listOrphans",
        "operators",
        rule_of(ListOrphans),
        {"200": parts.ok("One page, newest first.", "OperatedUploadView", "Link", is_list=True)},
        (E.VALIDATION_FAILED, E.FORBIDDEN),
        parts.PAGE,
    ),
    Operation(
        "get",
        "/records/async/batch/failures",
        "listFailures",
        "operators",
        rule_of(ListFailures),
        {"200": parts.ok("One page, newest first.", "OperatedUploadView", "Link", is_list=True)},
        (E.VALIDATION_FAILED, E.FORBIDDEN),
        parts.PAGE,
    ),
    Operation(
        "post",
        "/records/async/batch/failures/{uploadId}/retry",
        "retryFailure",
        "operators",
        rule_of(RetryFailure),
        {"200": parts.ok("The upload, in line again.", "OperatedUploadView")},
        (E.RECORD_OPERATION_FAILED, E.NOT_FOUND, E.CONFLICT, E.FORBIDDEN),
        (parts.UPLOAD_ID,),
    ),
    Operation(
        "put",
        "/storage/{key}",
        "putObject",
        "objects",
        "Send the bytes of an upload to its signed URL (local storage only).\n\n"
        "The URL comes from `requestPresignedUrl`, with the headers to send. Nothing is ever overwritten: a\n"
        "second PUT is answered 412, which means that the bytes are there already.",
        {"200": {"description": "The bytes are stored.", "headers": parts.headers("ETag")}},
        (E.VALIDATION_FAILED, E.FORBIDDEN, E.RECORD_OPERATION_FAILED, E.PRECONDITION_FAILED),
        (parts.KEY,),
        {"required": True, "content": {"audio/*": {"schema": {"type": "string", "format": "binary"}}}},
        public=True,
    ),
    *(
        Operation(
            method,
            path,
            f"{method}{'Signed' if signed else 'Published'}Object",
            "objects",
            "Read an object by its signed URL (local storage only)."
            if signed
            else "Read a published take or its waveform; anyone may. From S3 storage, a 307 leads there.",
            parts.OBJECT if signed else {**parts.OBJECT, "307": parts.ELSEWHERE},
            (*_OBJECT, *((E.FORBIDDEN,) if signed else ())),
            (parts.KEY, parts.RANGE, parts.IF_RANGE, parts.IF_MATCH, parts.IF_NONE_MATCH),
            public=True,
        )
        for path, signed in (("/storage/{key}", True), ("/media/{key}", False))
        for method in ("get", "head")
    ),
    Operation(
        "get",
        "/health/live",
        "getLiveness",
        "health",
        "Say that the process runs and answers.",
        {"200": parts.ok("It lives.", "HealthView")},
        (),
        public=True,
    ),
    Operation(
        "get",
        "/health/ready",
        "getReadiness",
        "health",
        "Say whether calls can be served; a 503 names the parts that do not answer.",
        {"200": parts.ok("It is ready.", "HealthView")},
        (),
        public=True,
    ),
    Operation(
        "get",
        "/metrics",
        "getMetrics",
        "health",
        "Show figures for alarms and dashboards, in the text format of Prometheus.",
        {"200": {"description": "The figures.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
        (),
        public=True,
    ),
)
