"""The AWS resources of the event pathway.

`aws setup` creates them, and `aws template` describes them.

    events of orak → bus → rule ──────┐
                                      ├→ queue → workers
    events of S3 → default bus → rule ┘

Messages that cannot be delivered or processed go to a dead-letter queue.
"""

import msgspec

from orak.adapters.events.entries import SOURCE, STARTING
from orak.adapters.events.message import VISIBILITY_TIMEOUT
from orak.domain.identity import RECORDINGS

Json = dict[str, object]

DEFAULT_BUS = "default"
"""The bus of every account, and the only one that receives events of AWS services."""

MAX_RECEIVES = 5
"""How often a message is received without being deleted before it becomes a dead letter."""

TARGET = "orak-queue"

_FOURTEEN_DAYS = 14 * 24 * 3600  # the longest that SQS keeps a message


class Pathway(msgspec.Struct, frozen=True):
    """The names of the resources in the event pathway."""

    bus: str = "orak-processing-bus"
    rule: str = "upload-processing-rule"
    queue: str = "orak-processing-queue"
    bucket: str | None = None
    """None if the pathway carries no bucket events."""

    @property
    def arrivals(self) -> str:
        """The name of the rule for S3 events."""
        return f"{self.rule}-arrivals"

    @property
    def dead_letters(self) -> str:
        """The name of the dead-letter queue."""
        return f"{self.queue}-dead"


def events_pattern() -> Json:
    """Return the pattern of orak events that may give a worker a file to convert."""
    return {"source": [SOURCE], "detail-type": sorted(type_.value for type_ in STARTING)}


def arrivals_pattern(bucket: object) -> Json:
    """Return the pattern of the S3 events for new uploads in *bucket*."""
    return {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [bucket]}, "object": {"key": [{"prefix": f"{RECORDINGS}/"}]}},
    }


def delivery_statement(queue_arn: object, rule_arns: list[object]) -> Json:
    """Return the policy statement that lets only these rules send to the queue."""
    return {
        "Sid": "OrakEvents",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arns}},
    }


def queue_attributes(dead_letters_arn: object) -> Json:
    """Return the required attributes of the queue."""
    return {
        "VisibilityTimeout": VISIBILITY_TIMEOUT,
        "SqsManagedSseEnabled": True,
        "RedrivePolicy": {"deadLetterTargetArn": dead_letters_arn, "maxReceiveCount": MAX_RECEIVES},
    }


def dead_letters_attributes() -> Json:
    """Return the required attributes of the dead-letter queue."""
    return {"MessageRetentionPeriod": _FOURTEEN_DAYS, "SqsManagedSseEnabled": True}


def target(queue_arn: object, dead_letters_arn: object) -> Json:
    """Return the target of a rule.

    Without a dead-letter queue, EventBridge drops an event that it cannot deliver for a day.
    """
    return {"Id": TARGET, "Arn": queue_arn, "DeadLetterConfig": {"Arn": dead_letters_arn}}
