"""The way of events through AWS, as `aws setup` makes it and `aws template` describes it.

    orak's events → bus → rule ──┐
                                ├→ queue → workers
    S3's events → default bus → rule ─┘

What cannot be delivered, and what nobody could read, goes to a second queue of dead letters.
"""

import msgspec

from orak.adapters.events.entries import SOURCE, STARTING
from orak.adapters.events.message import VISIBILITY_TIMEOUT
from orak.domain.identity import RECORDINGS

Json = dict[str, object]

DEFAULT_BUS = "default"
"""The bus that every account has; the events of AWS's own services go nowhere else."""

MOST_RECEIVES = 5
"""How often a message is received that nobody deletes, before it is a dead letter."""

TARGET = "orak-queue"

_FOURTEEN_DAYS = 14 * 24 * 3600  # the longest that SQS keeps a message


class Pathway(msgspec.Struct, frozen=True):
    """The names of what lies on the way."""

    bus: str = "orak-processing-bus"
    rule: str = "upload-processing-rule"
    queue: str = "orak-processing-queue"
    bucket: str | None = None
    """None: the events of no bucket."""

    @property
    def arrivals(self) -> str:
        """The rule for the events of S3."""
        return f"{self.rule}-arrivals"

    @property
    def dead_letters(self) -> str:
        """The queue of what could not be delivered or read."""
        return f"{self.queue}-dead"


def events_pattern() -> Json:
    """What of orak's events the queue gets: those after which there may be something to convert."""
    return {"source": [SOURCE], "detail-type": sorted(type_.value for type_ in STARTING)}


def arrivals_pattern(bucket: object) -> Json:
    """What of S3's events the queue gets: takes that arrived in our bucket."""
    return {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [bucket]}, "object": {"key": [{"prefix": f"{RECORDINGS}/"}]}},
    }


def delivery_statement(queue_arn: object, rule_arns: list[object]) -> Json:
    """Let these rules, and no others, send to the queue."""
    return {
        "Sid": "OrakEvents",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arns}},
    }


def queue_attributes(dead_letters_arn: object) -> Json:
    """How the queue has to be."""
    return {
        "VisibilityTimeout": VISIBILITY_TIMEOUT,
        "SqsManagedSseEnabled": True,
        "RedrivePolicy": {"deadLetterTargetArn": dead_letters_arn, "maxReceiveCount": MOST_RECEIVES},
    }


def dead_letters_attributes() -> Json:
    """How the queue of dead letters has to be."""
    return {"MessageRetentionPeriod": _FOURTEEN_DAYS, "SqsManagedSseEnabled": True}


def target(queue_arn: object, dead_letters_arn: object) -> Json:
    """Where a rule sends to; without dead letters, EventBridge drops what it could not deliver for a day."""
    return {"Id": TARGET, "Arn": queue_arn, "DeadLetterConfig": {"Arn": dead_letters_arn}}
