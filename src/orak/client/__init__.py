"""The Python client of orak's HTTP API.

It needs only httpx and msgspec, and nothing else of orak.

with OrakClient("http://127.0.0.1:8000", token) as orak:
    record = orak.upload("song.mp3", title="첫 노래", wait=60)
"""

from orak.client.answers import (
    ErrorDetail,
    Failure,
    Loudness,
    OperatedUpload,
    PresignedUpload,
    Record,
    Statistics,
    Upload,
)
from orak.client.asynchronous import AsyncOrakClient
from orak.client.blocking import OrakClient
from orak.client.content_types import UnsupportedAudio
from orak.client.errors import (
    FileChanged,
    OrakApiError,
    OrakClientError,
    StillProcessing,
    Unreachable,
    UnreadableAnswer,
)
from orak.client.live_events import Event
from orak.client.webhooks import InvalidWebhook, WebhookEvent, verify_webhook

__all__ = [
    "AsyncOrakClient",
    "ErrorDetail",
    "Event",
    "Failure",
    "FileChanged",
    "InvalidWebhook",
    "Loudness",
    "OperatedUpload",
    "OrakApiError",
    "OrakClient",
    "OrakClientError",
    "PresignedUpload",
    "Record",
    "Statistics",
    "StillProcessing",
    "Unreachable",
    "UnreadableAnswer",
    "UnsupportedAudio",
    "Upload",
    "WebhookEvent",
    "verify_webhook",
]
