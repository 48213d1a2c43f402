"""The HTTP application: routes, what every request passes through, and the life of the orak behind it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from litestar import Litestar, Router

from orak.entrypoints.http.answers.errors import answer
from orak.entrypoints.http.requests.authentication import Authentication, KnownUsers
from orak.entrypoints.http.requests.bodies import MAX_BODY
from orak.entrypoints.http.requests.injection import provided
from orak.entrypoints.http.routes import operators as batch
from orak.entrypoints.http.routes import records, uploads, webhooks
from orak.entrypoints.http.routes.docs import docs
from orak.entrypoints.http.routes.health import health
from orak.entrypoints.http.routes.live_events import issue_live_ticket, stream_events
from orak.entrypoints.http.routes.live_socket import watch_live
from orak.entrypoints.http.routes.metrics import show_metrics
from orak.entrypoints.http.routes.page import page
from orak.entrypoints.http.routes.storage import published_objects, signed_objects
from orak.entrypoints.http.serving.access_log import log_answer
from orak.entrypoints.http.serving.allowed_methods import correct_allow
from orak.entrypoints.http.serving.cors import allow_origins
from orak.entrypoints.http.serving.deadline import Deadline
from orak.entrypoints.http.serving.finishing import finishing
from orak.entrypoints.http.serving.live_streams import Streams
from orak.entrypoints.http.serving.request_ids import send_request_id
from orak.entrypoints.http.serving.sniffing import forbid_sniffing
from orak.entrypoints.running import Running
from orak.entrypoints.settings.values import Settings


def create_app(settings: Settings, running: Callable[[], AbstractAsyncContextManager[Running]]) -> Litestar:
    """Build the application; it opens *running* when the server starts it, and closes it at the end."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        app.state.known_users = KnownUsers()
        app.state.streams = Streams()
        async with running() as app.state.running:
            yield

    api = Router(
        "/records/async",
        route_handlers=[
            uploads.request_presigned_url,
            uploads.show_upload,
            uploads.give_up_upload,
            records.name_take,
            records.list_own_records,
            records.show_record,
            records.rename_record,
            records.convert_again,
            records.remove_record,
            stream_events,
            issue_live_ticket,
            watch_live,
        ],
    )
    operators = Router(
        "/records/async/batch",
        route_handlers=[
            batch.set_size,
            batch.trigger,
            batch.show_statistics,
            batch.list_orphaned_uploads,
            batch.list_dead_letters,
            batch.retry_dead_letter,
        ],
    )
    hooks = Router(
        "/records/async/webhooks",
        route_handlers=[
            webhooks.list_webhooks,
            webhooks.add_webhook,
            webhooks.show_webhook,
            webhooks.change_webhook,
            webhooks.remove_webhook,
            webhooks.rotate_webhook_secret,
            webhooks.list_webhook_deliveries,
            webhooks.replay_webhook_delivery,
            webhooks.replay_webhook_events,
        ],
    )
    gates = [signed_objects] if settings.s3_bucket_name is None else []
    return Litestar(
        [api, operators, hooks, *gates, published_objects, health, show_metrics, docs, page],
        lifespan=[lifespan],
        dependencies=provided(),
        middleware=[Deadline(), Authentication()],
        exception_handlers={Exception: answer},
        # In this order: the CORS headers and the log know of an answer what the others put on it.
        before_send=[
            finishing(
                correct_allow,
                send_request_id,
                forbid_sniffing,
                allow_origins(settings.cors_origins),
                log_answer,
            )
        ],
        request_max_body_size=MAX_BODY,
        debug=False,  # else LITESTAR_DEBUG in the environment could show traces to clients
        logging_config=None,  # Litestar's own would take the process's log over
        openapi_config=None,  # docs.py: Litestar cannot see what handlers decode themselves
    )
