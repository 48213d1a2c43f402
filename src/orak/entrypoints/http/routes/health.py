"""Signs of life, for whatever keeps orak running."""

from litestar import Response, Router

from orak.entrypoints.http.answers.errors import NotReady
from orak.entrypoints.http.answers.views import HealthView
from orak.entrypoints.http.requests.authentication import PUBLIC
from orak.entrypoints.http.requests.injection import Injected
from orak.entrypoints.http.routes.reading import read
from orak.entrypoints.running import Running

_NOT_STORED = {"Cache-Control": "no-store"}


@read("/live")
async def show_liveness() -> Response[HealthView]:
    """Say that the process runs and answers: a restart would not help."""
    return Response(HealthView(status="live"), headers=_NOT_STORED)


@read("/ready")
async def show_readiness(running: Injected[Running]) -> Response[HealthView]:
    """Say whether calls can be served: a 503 names the parts that do not answer."""
    if failing := await running.failing_parts():
        raise NotReady(failing)
    degraded = await running.degraded_parts()
    return Response(HealthView(status="ready", degraded=degraded), headers=_NOT_STORED)


health = Router("/health", route_handlers=[show_liveness, show_readiness], opt={PUBLIC: True})
