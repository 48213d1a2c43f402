import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from msgspec.structs import replace

from orak.adapters.aws.clients import AwsService, open_service
from orak.adapters.aws.config import AwsConfig
from orak.adapters.events.message import VISIBILITY_TIMEOUT, Message

_log = logging.getLogger(__name__)

_MAX_MESSAGES = 10
"""Messages that one call may receive or delete (SQS API reference)."""

_MAX_WAIT = 20
"""Seconds of long polling: the longest that SQS waits for a message (SQS API reference)."""

_TRIES = 3

_AWS_HOST = re.compile(r"https?://(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com(?:\.cn)?/")


class SqsQueue:
    """The messages of one queue on Amazon SQS."""

    def __init__(self, service: AwsService, url: str, *, wait: int, visibility: int) -> None:
        self._service = service
        self._url = url
        self._wait = wait
        self._visibility = visibility

    @classmethod
    @asynccontextmanager
    async def open(
        cls, config: AwsConfig, url: str, *, wait: int = _MAX_WAIT, visibility: int = VISIBILITY_TIMEOUT
    ) -> AsyncIterator[Self]:
        """Open the queue; SQS need not answer yet. Raise `InvalidAwsConfig`.

        *wait* and *visibility* are the seconds of long polling and of the visibility timeout. The region in
        *url*, if it names one, takes precedence over that in *config*.
        """
        if (named := _AWS_HOST.match(url)) is not None:
            config = replace(config, region=named[1] or named[2])
        async with open_service("sqs", config, wait_seconds=wait) as service:
            yield cls(service, url, wait=wait, visibility=visibility)

    async def receive(self) -> Sequence[Message]:
        """Return up to ten messages as soon as one arrives; an empty list if none does."""
        answer = await self._service.call(
            "receive_message",
            QueueUrl=self._url,
            MaxNumberOfMessages=_MAX_MESSAGES,
            WaitTimeSeconds=self._wait,
            VisibilityTimeout=self._visibility,
        )
        return [
            Message(received["MessageId"], received["ReceiptHandle"], received["Body"])
            for received in answer.get("Messages", ())
        ]

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete up to ten messages; SQS delivers one that cannot be deleted again."""
        await self._call_batch("delete_message_batch", messages)

    async def keep(self, messages: Sequence[Message]) -> None:
        """Restart the visibility timeout of up to ten messages."""
        await self._call_batch(
            "change_message_visibility_batch", messages, VisibilityTimeout=self._visibility
        )

    async def check(self) -> None:
        """Raise `Unavailable` unless the queue exists."""
        await self._service.call("get_queue_attributes", QueueUrl=self._url, AttributeNames=["QueueArn"])

    async def _call_batch(self, operation: str, messages: Sequence[Message], **more: Any) -> None:  # noqa: ANN401 - SQS's own parameters
        left: list[dict[str, Any]] = [
            {"Id": str(index), "ReceiptHandle": message.handle} | more
            for index, message in enumerate(messages)
        ]
        failed: list[dict[str, Any]] = []
        for _ in range(_TRIES):
            answer = await self._service.call(operation, QueueUrl=self._url, Entries=left)
            failed = list(answer.get("Failed", ()))
            # A sender fault, such as an expired receipt handle, would fail again.
            retried = {entry["Id"] for entry in failed if not entry.get("SenderFault")}
            left = [entry for entry in left if entry["Id"] in retried]
            if not left:
                break
        if failed:
            codes = ", ".join(sorted({str(entry.get("Code")) for entry in failed}))
            _log.debug(
                "%s failed for %d messages",
                operation,
                len(failed),
                extra={"event": "sqs_message", "reason": codes},
            )
