"""Health probes, for load balancers and orchestrators."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from orak.entrypoints.http.answers.errors import NotReady
from orak.entrypoints.http.answers.views import View
from orak.entrypoints.http.api import ApiRequest, ApiResponse, Routes, json_response
from orak.entrypoints.http.openapi.operation import Answer, operation


class HealthView(View, frozen=True, omit_defaults=True):
    """The health of the process."""

    status: Annotated[Literal["live", "ready"], Meta(description="`live` or `ready`, as the path asks.")]
    degraded: Annotated[
        list[str],
        Meta(description="Parts that do not work, and without which orak still serves. Left out if empty."),
    ] = msgspec.field(default_factory=list)


health = Routes("/health", "health", is_public=True)


@health.get("/live")
@operation(
    "While it answers, a restart would not help.",
    answers={200: Answer("The process is alive.", HealthView)},
)
async def get_liveness(_: ApiRequest) -> ApiResponse:
    """Check that the process is alive."""
    return json_response(HealthView(status="live"))


@health.get("/ready")
@operation(
    "`details` of a 503 names the parts that do not work: `database`, `storage`, `disk`, `redis` or `clock`, "
    "or `shutdown` while the process drains. Each part has 3 s to answer.",
    answers={200: Answer("The process can serve requests.", HealthView)},
)
async def get_readiness(request: ApiRequest) -> ApiResponse:
    """Check that the process can serve requests."""
    if request.running.draining.is_set():
        raise NotReady(["shutdown"])
    health = await request.running.readiness()
    if health.failing:
        raise NotReady(health.failing)
    return json_response(HealthView(status="ready", degraded=health.degraded))
