"""Operators' calls: how background conversion goes, and moving what stands still."""

from litestar import Response, post, put
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
from orak.domain.policies.batches import batch_size_problem
from orak.entrypoints.http.answers.languages import language_of
from orak.entrypoints.http.answers.operator_views import (
    BatchSizeView,
    OperatedUploadView,
    StatisticsView,
    TriggeredView,
)
from orak.entrypoints.http.requests.bodies import is_repeated, read_query
from orak.entrypoints.http.requests.injection import CallOf, Injected
from orak.entrypoints.http.requests.pagination import link_to, page_of
from orak.entrypoints.http.requests.parameters import Parameters, path_id
from orak.entrypoints.http.routes.reading import read
from orak.entrypoints.running import Running

_OF_THE_MOMENT = {"Cache-Control": "no-store"}
_BASE = "/records/async/batch"


@put("/size")
async def set_size(request: CallOf, set_batch_size: Injected[SetBatchSize]) -> BatchSizeView:
    """Set the size of a batch. See `SetBatchSize`."""
    request.user.check_admin()  # before anything is said about what was sent
    parameters = Parameters(read_query(request))
    if is_repeated(request, "size"):  # an order that says two things says nothing
        parameters.note(Problem("size", ProblemCode.INVALID))
    size = parameters.whole_number("size")
    parameters.check([batch_size_problem("size", size)])
    return BatchSizeView(batch_size=await set_batch_size(request.user, size))


@post("/trigger", status_code=200)
async def trigger(request: CallOf, trigger_batch: Injected[TriggerBatch]) -> TriggeredView:
    """Begin a batch. See `TriggerBatch`."""
    await trigger_batch(request.user)
    return TriggeredView()


@read("/statistics")
async def show_statistics(
    request: CallOf, get_statistics: Injected[GetStatistics]
) -> Response[StatisticsView]:
    """Show how conversion goes. See `GetStatistics`."""
    return Response(StatisticsView.of(await get_statistics(request.user)), headers=_OF_THE_MOMENT)


@read("/orphans")
async def list_orphaned_uploads(
    request: CallOf, running: Injected[Running], list_orphans: Injected[ListOrphans]
) -> Response[list[OperatedUploadView]]:
    """List uploads that nobody named. See `ListOrphans`."""
    request.user.check_admin()
    query = read_query(request)
    listed = await list_orphans(request.user, page_of(query))
    language = language_of(request.headers)
    views = [OperatedUploadView.of(upload, language) for upload in listed.uploads]
    return _page(request, running, views, listed.next, "orphans")


@read("/failures")
async def list_dead_letters(
    request: CallOf, running: Injected[Running], list_failures: Injected[ListFailures]
) -> Response[list[OperatedUploadView]]:
    """List the dead letters. See `ListFailures`."""
    request.user.check_admin()
    query = read_query(request)
    listed = await list_failures(request.user, page_of(query))
    language = language_of(request.headers)
    views = [OperatedUploadView.of(one.upload, language, one.failed_at) for one in listed.letters]
    return _page(request, running, views, listed.next, "failures")


@post("/failures/{upload_id:str}/retry", status_code=200)
async def retry_dead_letter(
    request: CallOf, upload_id: FromPath[str], retry_failure: Injected[RetryFailure]
) -> Response[OperatedUploadView]:
    """Convert a failed take again. See `RetryFailure`."""
    request.user.check_admin()
    upload = await retry_failure(request.user, UploadId(path_id(upload_id)))
    return Response(OperatedUploadView.of(upload, language_of(request.headers)), headers=_OF_THE_MOMENT)


def _page(
    request: CallOf, running: Running, views: list[OperatedUploadView], following: Page | None, name: str
) -> Response[list[OperatedUploadView]]:
    url = f"{running.settings.base_url}{_BASE}/{name}"
    link = link_to(following, url, limited="limit" in read_query(request))
    return Response(views, headers={"Vary": "Accept-Language", **_OF_THE_MOMENT, **link})
