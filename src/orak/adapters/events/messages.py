"""What a message of the queue says: S3's events by EventBridge, S3's own notifications, and orak's events."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from orak.adapters.events.entries import SOURCE, STARTING
from orak.domain.identity import RECORDINGS, ObjectKey
from orak.domain.processing import ProcessingStatus

_AWAITS_BYTES = frozenset({ProcessingStatus.PENDING, ProcessingStatus.EXPIRED})

_ARRIVES = "ObjectCreated:"
"""How the names of S3's own notifications begin that tell of new bytes (S3 user guide)."""


class Arrival(msgspec.Struct, frozen=True):
    """Bytes may lie under these keys."""

    keys: tuple[ObjectKey, ...]


class Work(msgspec.Struct, frozen=True):
    """Some take may be waiting."""


class Foreign(msgspec.Struct, frozen=True):
    """Nothing that orak acts on, and nothing wrong with it."""

    what: str


class BrokenMessage(ValueError):
    """It is no event, or lacks what an event of its kind has. To read it again will not help."""


def meaning_of(body: str, bucket: str | None) -> Arrival | Work | Foreign:
    """Return what a message says to an orak whose takes lie in *bucket*. Raise `BrokenMessage`."""
    try:
        message: object = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:  # the latter of a thousand brackets
        raise BrokenMessage("it is no JSON") from error
    if not isinstance(message, dict):
        raise BrokenMessage("it is no JSON object")
    try:
        if "Records" in message:
            return _arrival(_notified(message["Records"]), bucket, "S3 notification")
        if message.get("Event") == "s3:TestEvent":
            return Foreign("the test that S3 sends when notifications are set up")
        match message.get("source"), message.get("detail-type"):
            case "aws.s3", "Object Created":
                detail = message["detail"]
                # Other than in S3's own notifications, this key is as it is (EventBridge: not URL-encoded).
                return _arrival([(detail["bucket"]["name"], detail["object"]["key"])], bucket, "S3 event")
            case source, type_ if source == SOURCE and type_ in STARTING:
                detail = message["detail"]
                if ProcessingStatus(detail["status"]) in _AWAITS_BYTES:
                    return Arrival((ObjectKey(_text(detail["key"])),))
                return Work()
            case source, type_:
                return Foreign(f"{type_!r} of {source!r}")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        # The kind of error alone: its text may hold whatever somebody sent.
        raise BrokenMessage(f"it is not what such an event is ({type(error).__name__})") from error


def _notified(records: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - whatever the JSON holds
    """Yield bucket and key of what arrived (S3 user guide, "Event message structure")."""
    for record in records:
        if record["eventSource"] == "aws:s3" and record["eventName"].removeprefix("s3:").startswith(_ARRIVES):
            there = record["s3"]
            yield there["bucket"]["name"], unquote_plus(there["object"]["key"], errors="strict")


def _arrival(objects: Any, bucket: str | None, kind: str) -> Arrival | Foreign:  # noqa: ANN401
    keys = tuple(
        ObjectKey(key)
        for owner, key in ((_text(owner), _text(key)) for owner, key in objects)
        if owner == bucket and key.startswith(f"{RECORDINGS}/")
    )
    return Arrival(keys) if keys else Foreign(f"an {kind} of other objects")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} instead of text")
    return value
