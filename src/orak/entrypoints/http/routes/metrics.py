"""Metrics for alarms and dashboards, in the text format of Prometheus.

Uploads, batches and subscribers are counted in the database on each request, so that every process shows the
same figures. The processes that serve one port show the sums of what they have measured.
"""

from contextlib import suppress

from orak.application.collect_metrics import ServiceMetrics
from orak.application.ports.failures import Unavailable
from orak.entrypoints.http.api import NOT_STORED, ApiRequest, ApiResponse, Routes
from orak.entrypoints.http.openapi.operation import TEXT, Answer, operation

metrics = Routes("/metrics", "health", is_public=True)


@metrics.get()
@operation(
    "While the database does not answer, `orak_database_up 0` is there, and nothing that is counted in it.",
    answers={200: Answer("The metrics.", media_type="text/plain", schema=TEXT)},
)
async def get_metrics(request: ApiRequest) -> ApiResponse:
    """Get metrics in the text format of Prometheus."""
    from orak.entrypoints.http.answers.service_metrics import MEDIA_TYPE, exposition  # noqa: PLC0415 - see there

    counted: ServiceMetrics | None = None
    with suppress(Unavailable):
        counted = await request.running.use_cases.collect_metrics()
    return ApiResponse(exposition(counted, request.running.counted), NOT_STORED, media_type=MEDIA_TYPE)
