"""Operators' routes for webhook endpoints. All need the scope `admin`."""

from typing import NamedTuple

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
from orak.entrypoints.http.api import NO_CONTENT_RESPONSE, ApiRequest, ApiResponse, Routes, json_response
from orak.entrypoints.http.openapi.operation import (
    NO_CONTENT,
    Answer,
    JsonObject,
    operation,
    path_parameter,
)
from orak.entrypoints.http.requests.bodies import Body
from orak.entrypoints.http.requests.parameters import Parameters, path_id
from orak.entrypoints.running import Running

webhooks = Routes("/records/async/webhooks", "webhooks", is_for_operators=True)

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


@webhooks.get()
@operation(ListWebhooks, answers={200: Answer("All webhook endpoints, oldest first.", list[EndpointView])})
async def list_webhooks(request: ApiRequest) -> ApiResponse:
    """List webhook endpoints."""
    found = await request.running.use_cases.list_webhooks(request.actor)
    return json_response([EndpointView.of(endpoint) for endpoint in found])


@webhooks.post()
@operation(
    AddWebhook,
    body=NEW_WEBHOOK,
    answers={200: Answer("The webhook endpoint, and its signing secret.", EndpointSecretView)},
)
async def add_webhook(request: ApiRequest) -> ApiResponse:
    """Add a webhook endpoint."""
    new = await NEW_WEBHOOK.parsed(request)
    added = await request.running.use_cases.add_webhook(request.actor, new.url, new.event_types)
    return json_response(EndpointSecretView.of(added))


@webhooks.get("/{webhook_id}")
@operation(
    GetWebhook,
    parameters=(WEBHOOK_ID,),
    answers={200: Answer("The webhook endpoint.", EndpointView)},
    errors=(E.NOT_FOUND,),
)
async def get_webhook(request: ApiRequest, webhook_id: str) -> ApiResponse:
    """Get a webhook endpoint."""
    found = await request.running.use_cases.get_webhook(request.actor, endpoint_id_of(webhook_id))
    return json_response(EndpointView.of(found))


@webhooks.patch("/{webhook_id}")
@operation(
    ChangeWebhook,
    parameters=(WEBHOOK_ID,),
    body=WEBHOOK_CHANGE,
    answers={200: Answer("The changed webhook endpoint.", EndpointView)},
    errors=(E.NOT_FOUND,),
)
async def change_webhook(request: ApiRequest, webhook_id: str) -> ApiResponse:
    """Change a webhook endpoint."""
    endpoint_id = endpoint_id_of(webhook_id)
    change = await WEBHOOK_CHANGE.parsed(request)
    changed = await request.running.use_cases.change_webhook(request.actor, endpoint_id, change)
    return json_response(EndpointView.of(changed))


@webhooks.delete("/{webhook_id}")
@operation(
    RemoveWebhook,
    parameters=(WEBHOOK_ID,),
    answers={204: NO_CONTENT},
    errors=(E.NOT_FOUND,),
)
async def remove_webhook(request: ApiRequest, webhook_id: str) -> ApiResponse:
    """Remove a webhook endpoint."""
    await request.running.use_cases.remove_webhook(request.actor, endpoint_id_of(webhook_id))
    return NO_CONTENT_RESPONSE


@webhooks.post("/{webhook_id}/rotate")
@operation(
    RotateWebhookSecret,
    parameters=(WEBHOOK_ID,),
    answers={200: Answer("The webhook endpoint, and its new signing secret.", EndpointSecretView)},
    errors=(E.NOT_FOUND,),
)
async def rotate_webhook_secret(request: ApiRequest, webhook_id: str) -> ApiResponse:
    """Replace the signing secret of a webhook endpoint."""
    rotated = await request.running.use_cases.rotate_webhook_secret(request.actor, endpoint_id_of(webhook_id))
    return json_response(EndpointSecretView.of(rotated))


def endpoint_id_of(text: str) -> EndpointId:
    """Return the id of a webhook endpoint in a path. Raise `HttpError` 404 for text that cannot be an id."""
    return EndpointId(path_id(text))
