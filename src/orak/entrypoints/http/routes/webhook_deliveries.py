"""Operators' routes for webhook deliveries: their log, and replays. All need the scope `admin`."""

from orak.application.ports.page import Page
from orak.application.webhooks.list_webhook_deliveries import ListWebhookDeliveries
from orak.application.webhooks.replay_webhook_delivery import ReplayWebhookDelivery
from orak.application.webhooks.replay_webhook_events import ReplayWebhookEvents
from orak.domain.webhooks import DeliveryId
from orak.entrypoints.http.answers.error_codes import ErrorCode as E
from orak.entrypoints.http.answers.webhook_views import DeliveryView, ReplayedView
from orak.entrypoints.http.api import NOT_STORED, ApiRequest, ApiResponse, Routes, json_response
from orak.entrypoints.http.openapi.operation import Answer, operation, path_parameter
from orak.entrypoints.http.requests.bodies import Body, read_query
from orak.entrypoints.http.requests.pagination import PAGE_PARAMETERS, next_link, page_of
from orak.entrypoints.http.requests.parameters import Parameters, path_id
from orak.entrypoints.http.routes.webhooks import WEBHOOK_ID, endpoint_id_of, webhooks
from orak.entrypoints.running import Running

webhook_deliveries = Routes(webhooks.prefix, "webhooks", is_for_operators=True)


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


@webhook_deliveries.get("/{webhook_id}/deliveries")
@operation(
    ListWebhookDeliveries,
    parameters=(WEBHOOK_ID, *PAGE_PARAMETERS),
    answers={200: Answer("One page, newest first.", list[DeliveryView], ("Link",))},
    errors=(E.VALIDATION_FAILED, E.NOT_FOUND),
)
async def list_webhook_deliveries(request: ApiRequest, webhook_id: str) -> ApiResponse:
    """List deliveries to a webhook endpoint."""
    running, endpoint_id, query = (
        request.running,
        endpoint_id_of(webhook_id),
        read_query(request.query_string),
    )
    page = page_of(query)
    before = None if page.after is None else DeliveryId(page.after)
    listed = await running.use_cases.list_webhook_deliveries(request.actor, endpoint_id, before, page.limit)
    following = None if listed.next is None else Page(after=listed.next, limit=page.limit)
    url = f"{running.settings.base_url}{webhooks.prefix}/{endpoint_id}/deliveries"
    views = [DeliveryView.of(delivery) for delivery in listed.deliveries]
    return json_response(views, {**NOT_STORED, **next_link(following, url, query)})


@webhook_deliveries.post("/{webhook_id}/deliveries/{delivery_id}/replay")
@operation(
    ReplayWebhookDelivery,
    parameters=(WEBHOOK_ID, path_parameter("deliveryId", "Id of the delivery.")),
    answers={200: Answer("The delivery whose event is sent again.", DeliveryView)},
    errors=(E.NOT_FOUND,),
)
async def replay_webhook_delivery(request: ApiRequest, webhook_id: str, delivery_id: str) -> ApiResponse:
    """Send the event of a delivery again."""
    delivery = DeliveryId(path_id(delivery_id))
    replayed = await request.running.use_cases.replay_webhook_delivery(
        request.actor, endpoint_id_of(webhook_id), delivery
    )
    return json_response(DeliveryView.of(replayed))


@webhook_deliveries.post("/{webhook_id}/replay")
@operation(
    ReplayWebhookEvents,
    parameters=(WEBHOOK_ID,),
    body=REPLAY,
    answers={200: Answer("The number of events to be sent again.", ReplayedView)},
    errors=(E.NOT_FOUND,),
)
async def replay_webhook_events(request: ApiRequest, webhook_id: str) -> ApiResponse:
    """Send all events after a position again."""
    endpoint_id = endpoint_id_of(webhook_id)
    after = await REPLAY.parsed(request)
    replayed = await request.running.use_cases.replay_webhook_events(request.actor, endpoint_id, after)
    return json_response(ReplayedView(replayed=replayed))
