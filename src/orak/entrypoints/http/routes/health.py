"""Health probes, for load balancers and orchestrators."""

from typing import Annotated, Literal

import msgspec
from litestar import Response, Router
from msgspec import Meta

from orak.entrypoints.http.answers.errors import NotReady
from orak.entrypoints.http.answers.views import View
from orak.entrypoints.http.openapi.operation import Answer, operation
from orak.entrypoints.http.requests.authentication import PUBLIC
from orak.entrypoints.http.routing import NOT_STORED, AnyRequest, get, running_of


class HealthView(View, frozen=True, omit_defaults=True):
    """The health of the process."""

    status: Annotated[Literal["live", "ready"], Meta(description="`live` or `ready`, as the path asks.")]
    degraded: Annotated[
        list[str],
        Meta(description="Parts that do not answer, without which orak is only slower. Left out if empty."),
    ] = msgspec.field(default_factory=list)


@get("/live")
@operation(
    "While it answers, a restart would not help.",
    answers={200: Answer("The process is alive.", HealthView)},
)
async def get_liveness() -> Response[HealthView]:
    """Check that the process is alive."""
    return Response(HealthView(status="live"), headers=NOT_STORED)


@get("/ready")
@operation(
    "`details` of a 503 names the parts that do not answer.",
    answers={200: Answer("The process can serve requests.", HealthView)},
)
async def get_readiness(request: AnyRequest) -> Response[HealthView]:
    """Check that the process can serve requests."""
    running = running_of(request)
    if failing := await running.failing_parts():
        raise NotReady(failing)
    degraded = await running.degraded_parts()
    return Response(HealthView(status="ready", degraded=degraded), headers=NOT_STORED)


health = Router("/health", route_handlers=[get_liveness, get_readiness], opt={PUBLIC: True}, tags=["health"])
