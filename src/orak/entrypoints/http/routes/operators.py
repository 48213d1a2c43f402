"""Operators' routes: batches, statistics, orphans and dead letters. All need the scope `admin`.

Each exists twice: with the other routes under `/records/async/batch`, and at `/batch`, where existing clients
call it.
"""

from litestar import Response, Router, post, put
from litestar.params import FromPath

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
from orak.entrypoints.http.openapi.operation import ALIAS, Answer, Parameter, operation, path_parameter
from orak.entrypoints.http.requests.authentication import require_admin
from orak.entrypoints.http.requests.bodies import is_repeated, read_query
from orak.entrypoints.http.requests.pagination import PAGE_PARAMETERS, next_link, page_of
from orak.entrypoints.http.requests.parameters import Parameters, path_id
from orak.entrypoints.http.routing import NOT_STORED, UserRequest, get, running_of


@put("/size")
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
async def set_batch_size(request: UserRequest) -> BatchSizeView:
    """Set the size of a batch."""
    size = _batch_size(request)
    return BatchSizeView(batch_size=await running_of(request).use_cases.set_batch_size(request.user, size))


def _batch_size(request: UserRequest) -> int | None:
    parameters = Parameters(read_query(request))
    if is_repeated(request, "size"):  # which of them is meant is unclear
        parameters.note(Problem("size", ProblemCode.INVALID))
    size = parameters.whole_number("size")
    parameters.check([batch_size_problem("size", size)])
    return size


@post("/trigger", status_code=200)
@operation(TriggerBatch, answers={200: Answer("A batch begins.", TriggeredView)})
async def trigger_batch(request: UserRequest) -> TriggeredView:
    """Begin a batch now."""
    await running_of(request).use_cases.trigger_batch(request.user)
    return TriggeredView()


@get("/statistics")
@operation(GetStatistics, answers={200: Answer("Conversion statistics.", StatisticsView)})
async def get_statistics(request: UserRequest) -> Response[StatisticsView]:
    """Get conversion statistics."""
    statistics = await running_of(request).use_cases.get_statistics(request.user)
    return Response(StatisticsView.of(statistics), headers=NOT_STORED)


@get("/orphans")
@operation(
    ListOrphans,
    parameters=PAGE_PARAMETERS,
    answers={200: Answer("One page, newest first.", list[OperatorUploadView], ("Link",))},
    errors=(E.VALIDATION_FAILED,),
)
async def list_orphans(request: UserRequest) -> Response[list[OperatorUploadView]]:
    """List uploads without a record."""
    listed = await running_of(request).use_cases.list_orphans(request.user, page_of(read_query(request)))
    language = language_of(request.headers)
    views = [OperatorUploadView.of(upload, language) for upload in listed.uploads]
    return _page_response(request, views, listed.next)


@get("/failures")
@operation(
    ListFailures,
    parameters=PAGE_PARAMETERS,
    answers={200: Answer("One page, newest first.", list[OperatorUploadView], ("Link",))},
    errors=(E.VALIDATION_FAILED,),
)
async def list_failures(request: UserRequest) -> Response[list[OperatorUploadView]]:
    """List the dead letters."""
    listed = await running_of(request).use_cases.list_failures(request.user, page_of(read_query(request)))
    language = language_of(request.headers)
    views = [OperatorUploadView.of(one.upload, language, one.failed_at) for one in listed.letters]
    return _page_response(request, views, listed.next)


@post("/failures/{upload_id:str}/retry", status_code=200)
@operation(
    RetryFailure,
    parameters=(path_parameter("uploadId", "Id of the upload."),),
    answers={200: Answer("The upload, waiting for conversion again.", OperatorUploadView)},
    errors=(E.RECORD_OPERATION_FAILED, E.NOT_FOUND, E.CONFLICT),
)
async def retry_failure(request: UserRequest, upload_id: FromPath[str]) -> Response[OperatorUploadView]:
    """Convert a failed upload again."""
    upload = await running_of(request).use_cases.retry_failure(request.user, UploadId(path_id(upload_id)))
    return Response(OperatorUploadView.of(upload, language_of(request.headers)), headers=NOT_STORED)


_HANDLERS = (set_batch_size, trigger_batch, get_statistics, list_orphans, list_failures, retry_failure)


def _router(path: str, **options: object) -> Router:
    return Router(path, route_handlers=_HANDLERS, guards=[require_admin], tags=["operators"], opt=options)


operators = _router("/records/async/batch")

operators_at_root = _router("/batch", **{ALIAS: "AtRoot"})


def _page_response(
    request: UserRequest, views: list[OperatorUploadView], following: Page | None
) -> Response[list[OperatorUploadView]]:
    url = f"{running_of(request).settings.base_url}{request.scope['path']}"
    link = next_link(following, url, read_query(request))
    return Response(views, headers={"Vary": "Accept-Language", **NOT_STORED, **link})
