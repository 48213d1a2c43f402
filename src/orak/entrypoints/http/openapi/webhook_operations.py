"""What each operation on webhooks promises, for the OpenAPI document."""

from orak.application.webhooks.add_webhook import AddWebhook
from orak.application.webhooks.change_webhook import ChangeWebhook
from orak.application.webhooks.get_webhook import GetWebhook
from orak.application.webhooks.list_webhook_deliveries import ListWebhookDeliveries
from orak.application.webhooks.list_webhooks import ListWebhooks
from orak.application.webhooks.remove_webhook import RemoveWebhook
from orak.application.webhooks.replay_webhook_delivery import ReplayWebhookDelivery
from orak.application.webhooks.replay_webhook_events import ReplayWebhookEvents
from orak.application.webhooks.rotate_webhook_secret import RotateWebhookSecret
from orak.entrypoints.http.answers.error_codes import ErrorCode as E
from orak.entrypoints.http.openapi import parts
from orak.entrypoints.http.openapi.operations import Operation, rule_of

_ALL = "/records/async/webhooks"
_ONE = f"{_ALL}/{{webhookId}}"
_BODY = (E.VALIDATION_FAILED, E.PAYLOAD_TOO_LARGE, E.UNSUPPORTED_MEDIA_TYPE)
_OPERATORS = (E.FORBIDDEN,)
_OF_ONE = (E.FORBIDDEN, E.NOT_FOUND)


WEBHOOK_OPERATIONS = tuple(
    Operation(method, path, name, "webhooks", rule_of(use_case), success, errors, parameters, body)
    for method, path, name, use_case, success, errors, parameters, body in (
        (
            "get",
            _ALL,
            "listWebhooks",
            ListWebhooks,
            {"200": parts.ok("All of them.", "EndpointView", is_list=True)},
            _OPERATORS,
            (),
            None,
        ),
        (
            "post",
            _ALL,
            "addWebhook",
            AddWebhook,
            {"200": parts.ok("The webhook, and its secret.", "EndpointSecretView")},
            (*_BODY, E.FORBIDDEN),
            (),
            parts.json_body("NewWebhook"),
        ),
        (
            "get",
            _ONE,
            "getWebhook",
            GetWebhook,
            {"200": parts.ok("The webhook.", "EndpointView")},
            _OF_ONE,
            (parts.WEBHOOK_ID,),
            None,
        ),
        (
            "patch",
            _ONE,
            "changeWebhook",
            ChangeWebhook,
            {"200": parts.ok("The webhook as it is now.", "EndpointView")},
            (*_BODY, *_OF_ONE),
            (parts.WEBHOOK_ID,),
            parts.json_body("WebhookChange"),
        ),
        (
            "delete",
            _ONE,
            "removeWebhook",
            RemoveWebhook,
            {"204": {"description": "It is told nothing more."}},
            _OF_ONE,
            (parts.WEBHOOK_ID,),
            None,
        ),
        (
            "post",
            f"{_ONE}/rotate",
            "rotateWebhookSecret",
            RotateWebhookSecret,
            {"200": parts.ok("The webhook, and its new secret.", "EndpointSecretView")},
            _OF_ONE,
            (parts.WEBHOOK_ID,),
            None,
        ),
        (
            "get",
            f"{_ONE}/deliveries",
            "listWebhookDeliveries",
            ListWebhookDeliveries,
            {"200": parts.ok("One page, newest first.", "DeliveryView", "Link", is_list=True)},
            (E.VALIDATION_FAILED, *_OF_ONE),
            (parts.WEBHOOK_ID, *parts.PAGE),
            None,
        ),
        (
            "post",
            f"{_ONE}/deliveries/{{deliveryId}}/replay",
            "replayWebhookDelivery",
            ReplayWebhookDelivery,
            {"200": parts.ok("What is sent again.", "DeliveryView")},
            _OF_ONE,
            (parts.WEBHOOK_ID, parts.DELIVERY_ID),
            None,
        ),
        (
            "post",
            f"{_ONE}/replay",
            "replayWebhookEvents",
            ReplayWebhookEvents,
            {"200": parts.ok("How many are sent again.", "ReplayedView")},
            (*_BODY, *_OF_ONE),
            (parts.WEBHOOK_ID,),
            parts.json_body("Replay"),
        ),
    )
)
