"""Operators' routes for webhook endpoints. All need the scope `admin`."""

from typing import NamedTuple

from litestar import Response, Router, delete, patch, post
from litestar.params import FromPath

from orak.application.webhooks.add_webhook import AddWebhook
from orak.application.webhooks.change_webhook import ChangeWebhook, EndpointChange
from orak.application.webhooks.get_webhook import GetWebhook
from orak.application.webhooks.list_webhooks import ListWebhooks
from orak.application.webhooks.remove_webhook import RemoveWebhook
from orak.application.webhooks.rotate_webhook_secret import RotateWebhookSecret
from orak.domain.events import EventType
from orak.domain.webhooks import MAX_URL, EndpointId
from orak.entrypoints.http.answers.error_codes import ErrorCode as E
from orak.entrypoints.http.answers.webhook_views import (
    EndpointSecretView,
    EndpointView,
)
from orak.entrypoints.http.openapi.operation import (
    NO_CONTENT,
    Answer,
    JsonObject,
    operation,
    path_parameter,
)
from orak.entrypoints.http.requests.authentication import require_admin
from orak.entrypoints.http.requests.bodies import Body
from orak.entrypoints.http.requests.parameters import Parameters, path_id
from orak.entrypoints.http.routing import NOT_STORED, UserRequest, get, running_of
from orak.entrypoints.running import Running

BASE = "/records/async/webhooks"

WEBHOOK_ID = path_parameter("webhookId", "Id of the webhook endpoint.")

_URL: JsonObject = {
    "type": "string",
    "format": "uri",
    "maxLength": MAX_URL,
    "description": "Where to post events: an http or https URL whose host has public addresses only.",
    "examples": ["https://app.example.com/orak"],
}

_EVENT_TYPES: dict[str, object] = {
    "type": "array",
    "items": {"type": "string", "enum": sorted(EventType)},
    "description": "Types of events to post. An empty or omitted list means all types.",
}


class NewWebhook(NamedTuple):
    """The URL and the event types of a new endpoint, not checked yet."""

    url: str | None
    event_types: list[str] | None


def _new_webhook(parameters: Parameters, _: Running) -> NewWebhook:
    new = NewWebhook(parameters.text("url"), parameters.texts("eventTypes"))
    parameters.check()
    return new


def _webhook_change(parameters: Parameters, _: Running) -> EndpointChange:
    change = EndpointChange(
        parameters.text("url"), parameters.texts("eventTypes"), parameters.choice("enabled")
    )
    parameters.check()
    return change


NEW_WEBHOOK = Body(
    "NewWebhook",
    "The webhook endpoint to add.",
    {"url": _URL, "eventTypes": _EVENT_TYPES},
    required=("url",),
    parse=_new_webhook,
    example={"url": "https://app.example.com/orak", "eventTypes": ["ProcessingCompleted"]},
)

WEBHOOK_CHANGE = Body(
    "WebhookChange",
    "The fields to change; omitted fields keep their value.",
    {
        "url": _URL,
        "eventTypes": {
            **_EVENT_TYPES,
            "description": "Types of events to post. An empty list means all types.",
        },
        "enabled": {
            "type": "boolean",
            "description": "Whether to post events. Events that happen while it is off are not posted later.",
        },
    },
    required=(),
    parse=_webhook_change,
    example={"enabled": False},
)


@get("/")
@operation(ListWebhooks, answers={200: Answer("All webhook endpoints, oldest first.", list[EndpointView])})
async def list_webhooks(request: UserRequest) -> Response[list[EndpointView]]:
    """List webhook endpoints."""
    found = await running_of(request).use_cases.list_webhooks(request.user)
    return Response([EndpointView.of(endpoint) for endpoint in found], headers=NOT_STORED)


@post("/", status_code=200)
@operation(
    AddWebhook,
    body=NEW_WEBHOOK,
    answers={200: Answer("The webhook endpoint, and its signing secret.", EndpointSecretView)},
)
async def add_webhook(request: UserRequest) -> Response[EndpointSecretView]:
    """Add a webhook endpoint."""
    new = await NEW_WEBHOOK.parsed(request)
    added = await running_of(request).use_cases.add_webhook(request.user, new.url, new.event_types)
    return Response(EndpointSecretView.of(added), headers=NOT_STORED)


@get("/{webhook_id:str}")
@operation(
    GetWebhook,
    parameters=(WEBHOOK_ID,),
    answers={200: Answer("The webhook endpoint.", EndpointView)},
    errors=(E.NOT_FOUND,),
)
async def get_webhook(request: UserRequest, webhook_id: FromPath[str]) -> Response[EndpointView]:
    """Get a webhook endpoint."""
    found = await running_of(request).use_cases.get_webhook(request.user, endpoint_id_of(webhook_id))
    return Response(EndpointView.of(found), headers=NOT_STORED)


@patch("/{webhook_id:str}")
@operation(
    ChangeWebhook,
    parameters=(WEBHOOK_ID,),
    body=WEBHOOK_CHANGE,
    answers={200: Answer("The changed webhook endpoint.", EndpointView)},
    errors=(E.NOT_FOUND,),
)
async def change_webhook(request: UserRequest, webhook_id: FromPath[str]) -> Response[EndpointView]:
    """Change a webhook endpoint."""
    endpoint_id = endpoint_id_of(webhook_id)
    change = await WEBHOOK_CHANGE.parsed(request)
    changed = await running_of(request).use_cases.change_webhook(request.user, endpoint_id, change)
    return Response(EndpointView.of(changed), headers=NOT_STORED)


@delete("/{webhook_id:str}")
@operation(
    RemoveWebhook,
    parameters=(WEBHOOK_ID,),
    answers={204: NO_CONTENT},
    errors=(E.NOT_FOUND,),
)
async def remove_webhook(request: UserRequest, webhook_id: FromPath[str]) -> None:
    """Remove a webhook endpoint."""
    await running_of(request).use_cases.remove_webhook(request.user, endpoint_id_of(webhook_id))


@post("/{webhook_id:str}/rotate", status_code=200)
@operation(
    RotateWebhookSecret,
    parameters=(WEBHOOK_ID,),
    answers={200: Answer("The webhook endpoint, and its new signing secret.", EndpointSecretView)},
    errors=(E.NOT_FOUND,),
)
async def rotate_webhook_secret(
    request: UserRequest, webhook_id: FromPath[str]
) -> Response[EndpointSecretView]:
    """Replace the signing secret of a webhook endpoint."""
    rotated = await running_of(request).use_cases.rotate_webhook_secret(
        request.user, endpoint_id_of(webhook_id)
    )
    return Response(EndpointSecretView.of(rotated), headers=NOT_STORED)


webhooks = Router(
    BASE,
    route_handlers=[
        list_webhooks,
        add_webhook,
        get_webhook,
        change_webhook,
        remove_webhook,
        rotate_webhook_secret,
    ],
    guards=[require_admin],
    tags=["webhooks"],
)


def endpoint_id_of(text: str) -> EndpointId:
    """Return the id of a webhook endpoint in a path. Raise `HttpError` 404 for text that cannot be an id."""
    return EndpointId(path_id(text))
