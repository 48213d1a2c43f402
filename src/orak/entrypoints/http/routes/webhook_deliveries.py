"""Operators' routes for webhook deliveries: their log, and replays. All need the scope `admin`."""

from litestar import Response, Router, post
from litestar.params import FromPath

from orak.application.ports.page import Page
from orak.application.webhooks.list_webhook_deliveries import ListWebhookDeliveries
from orak.application.webhooks.replay_webhook_delivery import ReplayWebhookDelivery
from orak.application.webhooks.replay_webhook_events import ReplayWebhookEvents
from orak.domain.webhooks import DeliveryId
from orak.entrypoints.http.answers.error_codes import ErrorCode as E
from orak.entrypoints.http.answers.webhook_views import DeliveryView, ReplayedView
from orak.entrypoints.http.openapi.operation import Answer, operation, path_parameter
from orak.entrypoints.http.requests.authentication import require_admin
from orak.entrypoints.http.requests.bodies import Body, read_query
from orak.entrypoints.http.requests.pagination import PAGE_PARAMETERS, next_link, page_of
from orak.entrypoints.http.requests.parameters import Parameters, path_id
from orak.entrypoints.http.routes.webhooks import BASE, WEBHOOK_ID, endpoint_id_of
from orak.entrypoints.http.routing import NOT_STORED, UserRequest, get, running_of
from orak.entrypoints.running import Running


def _replay_after(parameters: Parameters, _: Running) -> int:
    after = parameters.identifier("after") or 0
    parameters.check()
    return after


REPLAY = Body(
    "Replay",
    "Which events to send again.",
    {
        "after": {
            "type": "integer",
            "minimum": 0,
            "default": 0,
            "description": "Feed position, the `position` of a delivery. Events after it are sent again.",
        }
    },
    required=(),
    parse=_replay_after,
    example={"after": 815},
)


@get("/{webhook_id:str}/deliveries")
@operation(
    ListWebhookDeliveries,
    parameters=(WEBHOOK_ID, *PAGE_PARAMETERS),
    answers={200: Answer("One page, newest first.", list[DeliveryView], ("Link",))},
    errors=(E.VALIDATION_FAILED, E.NOT_FOUND),
)
async def list_webhook_deliveries(
    request: UserRequest, webhook_id: FromPath[str]
) -> Response[list[DeliveryView]]:
    """List deliveries to a webhook endpoint."""
    running, endpoint_id, query = running_of(request), endpoint_id_of(webhook_id), read_query(request)
    page = page_of(query)
    before = None if page.after is None else DeliveryId(page.after)
    listed = await running.use_cases.list_webhook_deliveries(request.user, endpoint_id, before, page.limit)
    following = None if listed.next is None else Page(after=listed.next, limit=page.limit)
    url = f"{running.settings.base_url}{BASE}/{endpoint_id}/deliveries"
    views = [DeliveryView.of(delivery) for delivery in listed.deliveries]
    return Response(views, headers=NOT_STORED | next_link(following, url, query))


@post("/{webhook_id:str}/deliveries/{delivery_id:str}/replay", status_code=200)
@operation(
    ReplayWebhookDelivery,
    parameters=(WEBHOOK_ID, path_parameter("deliveryId", "Id of the delivery.")),
    answers={200: Answer("The delivery whose event is sent again.", DeliveryView)},
    errors=(E.NOT_FOUND,),
)
async def replay_webhook_delivery(
    request: UserRequest, webhook_id: FromPath[str], delivery_id: FromPath[str]
) -> Response[DeliveryView]:
    """Send the event of a delivery again."""
    delivery = DeliveryId(path_id(delivery_id))
    replayed = await running_of(request).use_cases.replay_webhook_delivery(
        request.user, endpoint_id_of(webhook_id), delivery
    )
    return Response(DeliveryView.of(replayed), headers=NOT_STORED)


@post("/{webhook_id:str}/replay", status_code=200)
@operation(
    ReplayWebhookEvents,
    parameters=(WEBHOOK_ID,),
    body=REPLAY,
    answers={200: Answer("The number of events to be sent again.", ReplayedView)},
    errors=(E.NOT_FOUND,),
)
async def replay_webhook_events(request: UserRequest, webhook_id: FromPath[str]) -> Response[ReplayedView]:
    """Send all events after a position again."""
    endpoint_id = endpoint_id_of(webhook_id)
    after = await REPLAY.parsed(request)
    replayed = await running_of(request).use_cases.replay_webhook_events(request.user, endpoint_id, after)
    return Response(ReplayedView(replayed=replayed), headers=NOT_STORED)


webhook_deliveries = Router(
    BASE,
    route_handlers=[list_webhook_deliveries, replay_webhook_delivery, replay_webhook_events],
    guards=[require_admin],
    tags=["webhooks"],
)
