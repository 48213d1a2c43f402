"""Operators' calls about webhooks."""

from litestar import Response, delete, patch, post
from litestar.params import FromPath

from orak.application.ports.page import Page
from orak.application.webhooks.add_webhook import AddWebhook
from orak.application.webhooks.change_webhook import ChangeWebhook, EndpointChange
from orak.application.webhooks.get_webhook import GetWebhook
from orak.application.webhooks.list_webhook_deliveries import ListWebhookDeliveries
from orak.application.webhooks.list_webhooks import ListWebhooks
from orak.application.webhooks.remove_webhook import RemoveWebhook
from orak.application.webhooks.replay_webhook_delivery import ReplayWebhookDelivery
from orak.application.webhooks.replay_webhook_events import ReplayWebhookEvents
from orak.application.webhooks.rotate_webhook_secret import RotateWebhookSecret
from orak.domain.webhooks import DeliveryId, EndpointId
from orak.entrypoints.http.answers.webhook_views import (
    DeliveryView,
    EndpointSecretView,
    EndpointView,
    ReplayedView,
)
from orak.entrypoints.http.requests.bodies import read_json, read_query
from orak.entrypoints.http.requests.injection import CallOf, Injected
from orak.entrypoints.http.requests.pagination import link_to, page_of
from orak.entrypoints.http.requests.parameters import Parameters, path_id
from orak.entrypoints.http.routes.reading import read
from orak.entrypoints.running import Running

_NOT_STORED = {"Cache-Control": "no-store"}
_BASE = "/records/async/webhooks"


def _id(text: str) -> EndpointId:
    return EndpointId(path_id(text))


@read("/")
async def list_webhooks(
    request: CallOf, list_endpoints: Injected[ListWebhooks]
) -> Response[list[EndpointView]]:
    """List webhooks. See `ListWebhooks`."""
    found = await list_endpoints(request.user)
    return Response([EndpointView.of(endpoint) for endpoint in found], headers=_NOT_STORED)


@post("/", status_code=200)
async def add_webhook(request: CallOf, add_endpoint: Injected[AddWebhook]) -> Response[EndpointSecretView]:
    """Make a webhook. See `AddWebhook`."""
    request.user.check_admin()  # before anything is said about what was sent
    parameters = Parameters(await read_json(request))
    url, event_types = parameters.text("url"), parameters.texts("eventTypes")
    parameters.check()
    made = await add_endpoint(request.user, url, event_types)
    return Response(EndpointSecretView.of(made), headers=_NOT_STORED)


@read("/{webhook_id:str}")
async def show_webhook(
    request: CallOf, webhook_id: FromPath[str], get_endpoint: Injected[GetWebhook]
) -> Response[EndpointView]:
    """Show a webhook. See `GetWebhook`."""
    request.user.check_admin()
    found = await get_endpoint(request.user, _id(webhook_id))
    return Response(EndpointView.of(found), headers=_NOT_STORED)


@patch("/{webhook_id:str}")
async def change_webhook(
    request: CallOf, webhook_id: FromPath[str], change_endpoint: Injected[ChangeWebhook]
) -> Response[EndpointView]:
    """Change a webhook. See `ChangeWebhook`."""
    request.user.check_admin()
    endpoint_id = _id(webhook_id)
    parameters = Parameters(await read_json(request))
    change = EndpointChange(
        parameters.text("url"), parameters.texts("eventTypes"), parameters.choice("enabled")
    )
    parameters.check()
    changed = await change_endpoint(request.user, endpoint_id, change)
    return Response(EndpointView.of(changed), headers=_NOT_STORED)


@delete("/{webhook_id:str}")
async def remove_webhook(
    request: CallOf, webhook_id: FromPath[str], remove_endpoint: Injected[RemoveWebhook]
) -> None:
    """Remove a webhook. See `RemoveWebhook`."""
    request.user.check_admin()
    await remove_endpoint(request.user, _id(webhook_id))


@post("/{webhook_id:str}/rotate", status_code=200)
async def rotate_webhook_secret(
    request: CallOf, webhook_id: FromPath[str], rotate_secret: Injected[RotateWebhookSecret]
) -> Response[EndpointSecretView]:
    """Make a new secret. See `RotateWebhookSecret`."""
    request.user.check_admin()
    rotated = await rotate_secret(request.user, _id(webhook_id))
    return Response(EndpointSecretView.of(rotated), headers=_NOT_STORED)


@read("/{webhook_id:str}/deliveries")
async def list_webhook_deliveries(
    request: CallOf,
    webhook_id: FromPath[str],
    running: Injected[Running],
    list_deliveries: Injected[ListWebhookDeliveries],
) -> Response[list[DeliveryView]]:
    """Show a webhook's log. See `ListWebhookDeliveries`."""
    request.user.check_admin()
    endpoint_id, query = _id(webhook_id), read_query(request)
    page = page_of(query)
    before = None if page.after is None else DeliveryId(page.after)
    listed = await list_deliveries(request.user, endpoint_id, before, page.limit)
    following = None if listed.next is None else Page(after=listed.next, limit=page.limit)
    url = f"{running.settings.base_url}{_BASE}/{endpoint_id}/deliveries"
    link = link_to(following, url, limited="limit" in query)
    return Response([DeliveryView.of(delivery) for delivery in listed.deliveries], headers=_NOT_STORED | link)


@post("/{webhook_id:str}/deliveries/{delivery_id:str}/replay", status_code=200)
async def replay_webhook_delivery(
    request: CallOf,
    webhook_id: FromPath[str],
    delivery_id: FromPath[str],
    replay_delivery: Injected[ReplayWebhookDelivery],
) -> Response[DeliveryView]:
    """Send an event again. See `ReplayWebhookDelivery`."""
    request.user.check_admin()
    delivery = DeliveryId(path_id(delivery_id))
    again = await replay_delivery(request.user, _id(webhook_id), delivery)
    return Response(DeliveryView.of(again), headers=_NOT_STORED)


@post("/{webhook_id:str}/replay", status_code=200)
async def replay_webhook_events(
    request: CallOf, webhook_id: FromPath[str], replay_events: Injected[ReplayWebhookEvents]
) -> Response[ReplayedView]:
    """Send all events after a position again. See `ReplayWebhookEvents`."""
    request.user.check_admin()
    endpoint_id = _id(webhook_id)
    parameters = Parameters(await read_json(request))
    after = parameters.identifier("after") or 0
    parameters.check()
    return Response(
        ReplayedView(replayed=await replay_events(request.user, endpoint_id, after)), headers=_NOT_STORED
    )
