import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import msgspec

from orak.adapters.aws.clients import AwsConfig, AwsService, open_service
from orak.adapters.events.message import VISIBILITY_TIMEOUT, Message

_log = logging.getLogger(__name__)

MOST_MESSAGES = 10
"""Messages that one call may receive or delete (SQS API reference)."""

_LONGEST_WAIT = 20
"""Seconds that SQS waits for a first message at most."""

_TRIES = 3

_AWS_HOST = re.compile(r"https?://(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com(?:\.cn)?/")


class SqsQueue:
    """Messages of one queue on Amazon SQS."""

    def __init__(self, service: AwsService, url: str, *, wait: int, visibility: int) -> None:
        self._service = service
        self._url = url
        self._wait = wait
        self._visibility = visibility

    @classmethod
    @asynccontextmanager
    async def open(
        cls, place: AwsConfig, url: str, *, wait: int = _LONGEST_WAIT, visibility: int = VISIBILITY_TIMEOUT
    ) -> AsyncIterator[Self]:
        """Open it; SQS need not answer yet. Raise `InvalidAwsConfig`."""
        if (named := _AWS_HOST.match(url)) is not None:
            place = msgspec.structs.replace(place, region=named[1] or named[2])
        async with open_service("sqs", place, wait_seconds=wait) as service:
            yield cls(service, url, wait=wait, visibility=visibility)

    async def receive(self) -> Sequence[Message]:
        """Return up to ten messages, as soon as there is one; none after a while without."""
        answer = await self._service.call(
            "receive_message",
            QueueUrl=self._url,
            MaxNumberOfMessages=MOST_MESSAGES,
            WaitTimeSeconds=self._wait,
            VisibilityTimeout=self._visibility,
        )
        return [
            Message(one["MessageId"], one["ReceiptHandle"], one["Body"]) for one in answer.get("Messages", ())
        ]

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete up to ten messages; one that cannot be deleted comes again."""
        await self._each("delete_message_batch", messages)

    async def keep(self, messages: Sequence[Message]) -> None:
        """Have up to ten messages stay nobody else's for as long again from now on."""
        await self._each("change_message_visibility_batch", messages, VisibilityTimeout=self._visibility)

    async def check(self) -> None:
        """Raise `Unavailable` unless the queue is there."""
        await self._service.call("get_queue_attributes", QueueUrl=self._url, AttributeNames=["QueueArn"])

    async def _each(self, operation: str, messages: Sequence[Message], **more: Any) -> None:  # noqa: ANN401
        left: list[dict[str, Any]] = [
            {"Id": str(place), "ReceiptHandle": message.handle} | more
            for place, message in enumerate(messages)
        ]
        failed: list[dict[str, Any]] = []
        for _ in range(_TRIES):
            answer = await self._service.call(operation, QueueUrl=self._url, Entries=left)
            failed = list(answer.get("Failed", ()))
            # What is the sender's fault, such as a receipt that has run out, will be so again.
            again = {one["Id"] for one in failed if not one.get("SenderFault")}
            left = [entry for entry in left if entry["Id"] in again]
            if not left:
                break
        if failed:
            codes = ", ".join(sorted({str(one.get("Code")) for one in failed}))
            _log.debug("SQS: %s failed for %d messages: %s", operation, len(failed), codes)
