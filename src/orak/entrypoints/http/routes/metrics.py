"""Metrics for alarms and dashboards, in the text format of Prometheus.

Uploads, batches and subscribers are counted in the database on each request, so that every process shows the
same figures. The processes that serve one port show the sums of what they have measured.
"""

from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.errors import HttpError
from orak.entrypoints.http.api import NOT_STORED, ApiRequest, ApiResponse, Routes
from orak.entrypoints.http.openapi.operation import TEXT, Answer, operation

metrics = Routes("/metrics", "health", is_public=True)


@metrics.get()
@operation(
    "While the database does not answer, `orak_database_up` is 0, and what is counted in it is missing. "
    "With METRICS_PORT, the metrics are on that port, and this call is answered with 404.",
    answers={200: Answer("The metrics.", media_type="text/plain", schema=TEXT)},
    errors=[ErrorCode.NOT_FOUND],
)
async def get_metrics(request: ApiRequest) -> ApiResponse:
    """Get metrics in the text format of Prometheus."""
    if request.running.settings.metrics_port is not None:
        raise HttpError(ErrorCode.NOT_FOUND)
    from orak.entrypoints.metrics.exposition import MEDIA_TYPE, exposition  # noqa: PLC0415 - see there

    return ApiResponse(await exposition(request.running), NOT_STORED, media_type=MEDIA_TYPE)
