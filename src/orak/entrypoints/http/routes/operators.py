"""Operators' routes: batches, statistics, orphans and dead letters. All need the scope `admin`.

Each exists twice: with the other routes under `/records/async/batch`, and at `/batch`, where existing clients
call it.
"""

from orak.application.operators.get_statistics import GetStatistics
from orak.application.operators.list_failures import ListFailures
from orak.application.operators.list_orphans import ListOrphans
from orak.application.operators.retry_failure import RetryFailure
from orak.application.operators.set_batch_size import SetBatchSize
from orak.application.operators.trigger_batch import TriggerBatch
from orak.application.ports.page import Page
from orak.domain.errors import Problem, ProblemCode
from orak.domain.identity import UploadId
from orak.domain.policies.batches import MAX_BATCH_SIZE, batch_size_problem
from orak.entrypoints.http.answers.error_codes import ErrorCode as E
from orak.entrypoints.http.answers.languages import language_of
from orak.entrypoints.http.answers.operator_views import (
    BatchSizeView,
    OperatorUploadView,
    StatisticsView,
    TriggeredView,
)
from orak.entrypoints.http.api import NOT_STORED, ApiRequest, ApiResponse, Routes, json_response
from orak.entrypoints.http.openapi.operation import Answer, Parameter, operation, path_parameter
from orak.entrypoints.http.requests.bodies import is_repeated, read_query
from orak.entrypoints.http.requests.pagination import PAGE_PARAMETERS, next_link, page_of
from orak.entrypoints.http.requests.parameters import Parameters, path_id

operators = Routes("/records/async/batch", "operators", is_for_operators=True)


@operators.put("/size")
@operation(
    SetBatchSize,
    parameters=(
        Parameter(
            "query",
            "size",
            "Conversions that one batch of one process may start.",
            {"type": "integer", "minimum": 1, "maximum": MAX_BATCH_SIZE},
            required=True,
        ),
    ),
    answers={200: Answer("The size that is set.", BatchSizeView)},
    errors=(E.VALIDATION_FAILED,),
)
async def set_batch_size(request: ApiRequest) -> ApiResponse:
    """Set the size of a batch."""
    size = await request.running.use_cases.set_batch_size(request.actor, _batch_size(request))
    return json_response(BatchSizeView(batch_size=size), {})


def _batch_size(request: ApiRequest) -> int | None:
    parameters = Parameters(read_query(request.query_string))
    if is_repeated(request.query_string, "size"):  # which of them is meant is unclear
        parameters.note(Problem("size", ProblemCode.INVALID))
    size = parameters.whole_number("size")
    parameters.check([batch_size_problem("size", size)])
    return size


@operators.post("/trigger")
@operation(TriggerBatch, answers={200: Answer("A batch begins.", TriggeredView)})
async def trigger_batch(request: ApiRequest) -> ApiResponse:
    """Begin a batch now."""
    await request.running.use_cases.trigger_batch(request.actor)
    return json_response(TriggeredView(), {})


@operators.get("/statistics")
@operation(GetStatistics, answers={200: Answer("Conversion statistics.", StatisticsView)})
async def get_statistics(request: ApiRequest) -> ApiResponse:
    """Get conversion statistics."""
    statistics = await request.running.use_cases.get_statistics(request.actor)
    return json_response(StatisticsView.of(statistics))


@operators.get("/orphans")
@operation(
    ListOrphans,
    parameters=PAGE_PARAMETERS,
    answers={200: Answer("One page, newest first.", list[OperatorUploadView], ("Link",))},
    errors=(E.VALIDATION_FAILED,),
)
async def list_orphans(request: ApiRequest) -> ApiResponse:
    """List uploads without a record."""
    listed = await request.running.use_cases.list_orphans(
        request.actor, page_of(read_query(request.query_string))
    )
    language = language_of(request.headers)
    views = [OperatorUploadView.of(upload, language) for upload in listed.uploads]
    return _page_response(request, views, listed.next)


@operators.get("/failures")
@operation(
    ListFailures,
    parameters=PAGE_PARAMETERS,
    answers={200: Answer("One page, newest first.", list[OperatorUploadView], ("Link",))},
    errors=(E.VALIDATION_FAILED,),
)
async def list_failures(request: ApiRequest) -> ApiResponse:
    """List the dead letters."""
    listed = await request.running.use_cases.list_failures(
        request.actor, page_of(read_query(request.query_string))
    )
    language = language_of(request.headers)
    views = [OperatorUploadView.of(one.upload, language, one.failed_at) for one in listed.letters]
    return _page_response(request, views, listed.next)


@operators.post("/failures/{upload_id}/retry")
@operation(
    RetryFailure,
    parameters=(path_parameter("uploadId", "Id of the upload."),),
    answers={200: Answer("The upload, waiting for conversion again.", OperatorUploadView)},
    errors=(E.RECORD_OPERATION_FAILED, E.NOT_FOUND, E.CONFLICT),
)
async def retry_failure(request: ApiRequest, upload_id: str) -> ApiResponse:
    """Convert a failed upload again."""
    upload = await request.running.use_cases.retry_failure(request.actor, UploadId(path_id(upload_id)))
    return json_response(OperatorUploadView.of(upload, language_of(request.headers)))


operators_at_root = operators.at("/batch", alias="AtRoot")


def _page_response(
    request: ApiRequest, views: list[OperatorUploadView], following: Page | None
) -> ApiResponse:
    url = f"{request.running.settings.base_url}{request.scope['path']}"
    link = next_link(following, url, read_query(request.query_string))
    return json_response(views, {"Vary": "Accept-Language", **NOT_STORED, **link})
