"""The HTTP application: its routes, what every request passes through, and the lifetime of the service."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache, partial

from litestar import Litestar, Router
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp

from orak.entrypoints.http.answers.encoded_records import EncodedRecords
from orak.entrypoints.http.answers.errors import litestar_error_response
from orak.entrypoints.http.openapi.document import render
from orak.entrypoints.http.requests.authentication import KnownUsers
from orak.entrypoints.http.requests.bodies import MAX_BODY
from orak.entrypoints.http.routes.docs import documentation
from orak.entrypoints.http.routes.health import health
from orak.entrypoints.http.routes.live_events import tickets, watch_records
from orak.entrypoints.http.routes.live_socket import watch_records_over_websocket
from orak.entrypoints.http.routes.metrics import metrics
from orak.entrypoints.http.routes.operators import operators, operators_at_root
from orak.entrypoints.http.routes.page import page
from orak.entrypoints.http.routes.records import records
from orak.entrypoints.http.routes.storage import published_objects, signed_objects
from orak.entrypoints.http.routes.uploads import uploads
from orak.entrypoints.http.routes.webhook_deliveries import webhook_deliveries
from orak.entrypoints.http.routes.webhooks import webhooks
from orak.entrypoints.http.serving.answer_heads import AnswerHeads
from orak.entrypoints.http.serving.base_path import below_base_path
from orak.entrypoints.http.serving.dispatch import Dispatcher
from orak.entrypoints.http.serving.live_streams import OpenStreams
from orak.entrypoints.http.serving.request_metrics import RequestMetrics
from orak.entrypoints.running import Running
from orak.entrypoints.settings.values import Settings

streams = Router(
    "/records/async", route_handlers=[watch_records, watch_records_over_websocket], tags=["live"]
)

API = (
    uploads,
    records,
    tickets,
    operators,
    operators_at_root,
    health,
    metrics,
    webhooks,
    webhook_deliveries,
)
"""The JSON API: each of its calls has one handler, which the `Dispatcher` calls."""

SERVED_BY_LITESTAR = (streams, signed_objects, published_objects)
"""Live streams and objects, which the OpenAPI document describes too."""


@cache
def rendered_document(url: str | None = None) -> bytes:
    """Return the OpenAPI document of the API at *url* as JSON; None is the host that sends the document."""
    return render(API, SERVED_BY_LITESTAR, url or "/")


def create_app(
    settings: Settings,
    running: Callable[[], AbstractAsyncContextManager[Running]],
    traced: Callable[[ASGIApp], ASGIApp] = lambda app: app,
) -> Litestar:
    """Return the application. It enters *running* when the server starts, and leaves it at the end.

    *traced* makes each request to an application a span.
    """
    answers = RequestMetrics()

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        app.state.known_users = KnownUsers()
        app.state.streams = OpenStreams()
        app.state.request_metrics = answers
        async with running() as app.state.running:
            answers.open(app.state.running.measurements)
            app.state.encoded_records = EncodedRecords(settings)
            yield

    routers = [
        router
        for router in SERVED_BY_LITESTAR
        if router is not signed_objects or settings.storage_kind != "s3"
    ]
    app = Litestar(
        [*routers, documentation(settings, partial(rendered_document, settings.public_url)), page],
        lifespan=[lifespan],
        exception_handlers={Exception: litestar_error_response},
        request_max_body_size=MAX_BODY,
        debug=False,  # LITESTAR_DEBUG in the environment would otherwise show traces to clients
        logging_config=None,  # Litestar's own would take over the log of the process
        openapi_config=None,  # openapi/ makes the document: Litestar cannot see what handlers parse
    )
    dispatcher = Dispatcher(
        (route for routes in API for route in routes),
        app.asgi_handler,
        AnswerHeads(settings.cors_origins, answers),
        other_paths=[route.path for route in app.routes if isinstance(route, HTTPRoute)],
    )
    app.asgi_handler = below_base_path(traced(dispatcher), settings)
    return app
