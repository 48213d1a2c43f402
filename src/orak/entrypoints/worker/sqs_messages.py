"""The messages on the SQS queue: their meaning, and the action that each starts.

Three kinds arrive: S3 events by EventBridge, S3's own notifications, and the events that orak publishes.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote_plus

import msgspec

from orak.adapters.events.entries import SOURCE, STARTING
from orak.domain.errors import UploadNotFound
from orak.domain.identity import RECORDINGS, ObjectKey, UploadId
from orak.domain.processing import ProcessingStatus

_log = logging.getLogger(__name__)

_AWAITS_BYTES = frozenset({ProcessingStatus.PENDING, ProcessingStatus.EXPIRED})

_OBJECT_CREATED = "ObjectCreated:"
"""How S3's own notifications begin the names of events for new objects (S3 user guide)."""


class ObjectsArrived(msgspec.Struct, frozen=True):
    """A message that says bytes may have arrived under these keys."""

    keys: tuple[ObjectKey, ...]


class MayHaveArrived(msgspec.Struct, frozen=True):
    """A message that says the bytes of this upload may have arrived."""

    upload_id: UploadId


class WakeUp(msgspec.Struct, frozen=True):
    """A message that says some upload may be waiting for conversion."""


class Ignored(msgspec.Struct, frozen=True):
    """A well-formed message that orak does not act on."""

    description: str


class MalformedMessage(ValueError):
    """The body is not an event, or lacks a required field; a retry does not help."""


class Receive(Protocol):
    """Note the arrival of an upload's bytes, as `ReceiveUpload` does."""

    async def __call__(self, key: ObjectKey, *, queued: bool) -> object:
        """With *queued*, let the conversion wait in line even if a slot is free."""
        ...

    async def look_for(self, upload_id: UploadId, *, queued: bool) -> object:
        """Do the same if the bytes of this upload have arrived."""
        ...


@dataclass(frozen=True, slots=True)
class MessageHandler:
    """Handler of one message at a time.

    Repeated and late messages change nothing: the row decides.
    """

    receive: Receive
    wake: Callable[[], Awaitable[None]]
    bucket: str | None

    async def __call__(self, body: str) -> None:
        """Return when the message has had its effect.

        Raises:
            MalformedMessage: the body cannot be understood.
            Unavailable: the message may have its effect later.
        """
        match parse_message(body, self.bucket):
            case ObjectsArrived(keys):
                for key in keys:
                    # The upload may be deleted, or another program may have stored the object.
                    with suppress(UploadNotFound):
                        await self.receive(key, queued=True)  # no client's call waits for this conversion
            case MayHaveArrived(upload_id):
                with suppress(UploadNotFound):
                    await self.receive.look_for(upload_id, queued=True)
            case WakeUp():
                await self.wake()
            case Ignored(description):
                _log.debug("a message is ignored", extra={"event": "sqs_message", "reason": description})


def parse_message(body: str, bucket: str | None) -> ObjectsArrived | MayHaveArrived | WakeUp | Ignored:
    """Return what a message means if *bucket* holds the uploads.

    Raise `MalformedMessage`.
    """
    try:
        message: object = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:  # a thousand nested brackets raise the latter
        raise MalformedMessage("the body is not JSON") from error
    if not isinstance(message, dict):
        raise MalformedMessage("the body is not a JSON object")
    try:
        if "Records" in message:
            return _arrival(_created_objects(message["Records"]), bucket, "S3 notification")
        if message.get("Event") == "s3:TestEvent":
            return Ignored("the test message that S3 sends when notifications are set up")
        match message.get("source"), message.get("detail-type"):
            case "aws.s3", "Object Created":
                detail = message["detail"]
                # EventBridge does not URL-encode this key; S3's own notifications do.
                return _arrival([(detail["bucket"]["name"], detail["object"]["key"])], bucket, "S3 event")
            case source, type_ if source == SOURCE and type_ in STARTING:
                detail = message["detail"]
                if ProcessingStatus(detail["status"]) in _AWAITS_BYTES:
                    return MayHaveArrived(UploadId(_number(detail["uploadId"])))
                return WakeUp()
            case source, type_:
                return Ignored(f"{type_!r} of {source!r}")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        # Name only the kind of error: its text may quote the message.
        raise MalformedMessage(
            f"the event does not have its documented form ({type(error).__name__})"
        ) from error


def _created_objects(records: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any decoded JSON
    """Yield bucket and key of each new object.

    The form is that of the S3 user guide, "Event message structure".
    """
    for record in records:
        if record["eventSource"] == "aws:s3" and _is_creation(record["eventName"]):
            created = record["s3"]
            yield created["bucket"]["name"], unquote_plus(created["object"]["key"], errors="strict")


def _is_creation(event_name: Any) -> bool:  # noqa: ANN401 - any decoded JSON
    is_creation: bool = event_name.removeprefix("s3:").startswith(_OBJECT_CREATED)
    return is_creation


def _arrival(objects: Any, bucket: str | None, kind: str) -> ObjectsArrived | Ignored:  # noqa: ANN401 - any decoded JSON
    named = [(_text(owner), _text(key)) for owner, key in objects]
    keys = tuple(
        ObjectKey(key) for owner, key in named if owner == bucket and key.startswith(f"{RECORDINGS}/")
    )
    return ObjectsArrived(keys) if keys else Ignored(f"an {kind} of other objects")


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{type(value).__name__} instead of a number")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} instead of text")
    return value
