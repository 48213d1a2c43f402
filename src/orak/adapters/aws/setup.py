"""Creation and repair of the event pathway."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from orak.adapters.aws.clients import AwsError, AwsService
from orak.adapters.aws.pathway import (
    DEFAULT_BUS,
    Json,
    Pathway,
    arrivals_pattern,
    dead_letters_attributes,
    delivery_statement,
    events_pattern,
    queue_attributes,
    target,
)

_MISSING = frozenset(
    {
        "ResourceNotFoundException",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
    }
)
_UNKNOWN_ARN = ""
"""The ARN of a resource that a dry run did not create."""

Found = Literal["right", "missing", "different"]


class Step(msgspec.Struct, frozen=True):
    """One resource, and how it was found."""

    kind: str
    name: str
    found: Found


class SetupResult(msgspec.Struct, frozen=True):
    """The changes that were made, or that a dry run would make."""

    steps: list[Step]
    queue_url: str | None
    """None if a dry run did not create the queue."""


@dataclass(slots=True)
class Setup:
    """Creates missing resources and repairs those that would not work.

    It removes nothing. Repeating it is safe.
    """

    events: AwsService
    sqs: AwsService
    s3: AwsService
    pathway: Pathway
    dry_run: bool
    _steps: list[Step] = field(default_factory=list)

    async def __call__(self) -> SetupResult:
        """Run the setup.

        Raise `Unavailable` if AWS does not answer, or does not permit it.
        """
        pathway = self.pathway
        dead_url, dead = await self._queue("dead letters", pathway.dead_letters, dead_letters_attributes())
        queue_url, queue = await self._queue("queue", pathway.queue, queue_attributes(_arn(dead)))
        await self._bus()
        rules = [await self._rule(pathway.rule, pathway.bus, events_pattern())]
        buses = [(pathway.rule, pathway.bus)]
        if pathway.bucket is not None:
            rules.append(await self._rule(pathway.arrivals, DEFAULT_BUS, arrivals_pattern(pathway.bucket)))
            buses.append((pathway.arrivals, DEFAULT_BUS))
        await self._policy("policy", pathway.queue, queue_url, queue, rules)
        await self._policy("policy", pathway.dead_letters, dead_url, dead, rules)
        for rule, bus in buses:
            await self._target(rule, bus, _arn(queue), _arn(dead))
        if pathway.bucket is not None:
            await self._bucket(pathway.bucket)
        return SetupResult(self._steps, queue_url)

    async def _apply(
        self,
        kind: str,
        name: str,
        found: Found,
        fix: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Record a step, and fix the resource unless this is a dry run."""
        self._steps.append(Step(kind, name, found))
        if fix is not None and not self.dry_run:
            await fix()

    async def _queue(self, kind: str, name: str, wanted: Json) -> tuple[str | None, Mapping[str, str]]:
        """Create or repair a queue; return its URL and attributes."""
        url = await _unless_missing(self.sqs.call("get_queue_url", QueueName=name))
        if url is None:
            new = {key: _text(value) for key, value in wanted.items()}
            await self._apply(
                kind,
                name,
                "missing",
                lambda: self.sqs.call("create_queue", QueueName=name, Attributes=new),
            )
            if self.dry_run:
                return None, {}
            url = await self.sqs.call("get_queue_url", QueueName=name)
            return url["QueueUrl"], await self._attributes(url["QueueUrl"])
        attributes = await self._attributes(url["QueueUrl"])
        lacking = lacking_attributes(attributes, wanted)
        if not lacking:
            await self._apply(kind, name, "right")
            return url["QueueUrl"], attributes
        await self._apply(
            kind,
            name,
            "different",
            lambda: self.sqs.call("set_queue_attributes", QueueUrl=url["QueueUrl"], Attributes=lacking),
        )
        return url["QueueUrl"], attributes

    async def _attributes(self, url: str) -> Mapping[str, str]:
        answer = await self.sqs.call("get_queue_attributes", QueueUrl=url, AttributeNames=["All"])
        attributes: Mapping[str, str] = answer["Attributes"]
        return attributes

    async def _bus(self) -> None:
        name = self.pathway.bus
        if await _unless_missing(self.events.call("describe_event_bus", Name=name)) is not None:
            await self._apply("bus", name, "right")
            return
        await self._apply("bus", name, "missing", lambda: self.events.call("create_event_bus", Name=name))

    async def _rule(self, name: str, bus: str, pattern: Json) -> str:
        """Create or repair a rule; return its ARN."""
        identity = {"Name": name, "EventBusName": bus}
        found = await _unless_missing(self.events.call("describe_rule", **identity))
        right = (
            found is not None
            and json.loads(found.get("EventPattern") or "{}") == pattern
            and found.get("State", "ENABLED") == "ENABLED"
        )
        if found is not None and right:
            await self._apply("rule", f"{name} on {bus}", "right")
            return str(found["Arn"])
        made: list[str] = []

        async def put() -> None:
            answer = await self.events.call(
                "put_rule", **identity, EventPattern=json.dumps(pattern), State="ENABLED"
            )
            made.append(answer["RuleArn"])

        await self._apply("rule", f"{name} on {bus}", "missing" if found is None else "different", put)
        return made[0] if made else _UNKNOWN_ARN

    async def _policy(
        self, kind: str, name: str, url: str | None, queue: Mapping[str, str], rules: list[str]
    ) -> None:
        statement = delivery_statement(_arn(queue), list(rules))
        policy = with_statement(queue.get("Policy"), statement)
        if policy is None:
            await self._apply(kind, name, "right")
            return
        found: Found = "different" if queue.get("Policy") else "missing"
        await self._apply(
            kind,
            name,
            found,
            lambda: self.sqs.call("set_queue_attributes", QueueUrl=url, Attributes={"Policy": policy}),
        )

    async def _target(self, rule: str, bus: str, queue_arn: str, dead_arn: str) -> None:
        identity = {"Rule": rule, "EventBusName": bus}
        answer = await _unless_missing(self.events.call("list_targets_by_rule", **identity)) or {}
        existing = [one for one in answer.get("Targets", ()) if one["Arn"] == queue_arn]
        if existing and "DeadLetterConfig" in existing[0]:
            await self._apply("target", f"{rule} -> {self.pathway.queue}", "right")
            return
        wanted = target(queue_arn, dead_arn) | ({"Id": existing[0]["Id"]} if existing else {})

        async def put() -> None:
            answer = await self.events.call("put_targets", **identity, Targets=[wanted])
            if answer.get("FailedEntryCount"):
                code = str(answer["FailedEntries"][0].get("ErrorCode"))
                raise AwsError(f"EventBridge refused the target ({code})", code)

        found: Found = "different" if existing else "missing"
        await self._apply("target", f"{rule} -> {self.pathway.queue}", found, put)

    async def _bucket(self, bucket: str) -> None:
        found = await self.s3.call("get_bucket_notification_configuration", Bucket=bucket)
        wanted = with_eventbridge(found)
        if wanted is None:
            await self._apply("bucket", f"{bucket} -> {DEFAULT_BUS}", "right")
            return
        await self._apply(
            "bucket",
            f"{bucket} -> {DEFAULT_BUS}",
            "missing",
            lambda: self.s3.call(
                "put_bucket_notification_configuration",
                Bucket=bucket,
                NotificationConfiguration=wanted,
                SkipDestinationValidation=True,  # leaves existing destinations unchecked
            ),
        )


def lacking_attributes(found: Mapping[str, str], wanted: Mapping[str, object]) -> dict[str, str]:
    """Return the attributes of *wanted* that a queue does not satisfy.

    A longer time, another encryption key or another dead-letter queue satisfies it.
    """
    lacking: dict[str, str] = {}
    for name, value in wanted.items():
        match name:
            case "SqsManagedSseEnabled":
                right = found.get(name, "").lower() == "true" or bool(found.get("KmsMasterKeyId"))
            case "RedrivePolicy":
                right = bool(found.get(name))
            case _:
                right = int(found.get(name, 0)) >= int(str(value))
        if not right:
            lacking[name] = _text(value)
    return lacking


def with_statement(policy: str | None, statement: Json) -> str | None:
    """Return a queue's policy with *statement* added; None if it has it already."""
    document: dict[str, Any] = json.loads(policy) if policy else {"Version": "2012-10-17", "Statement": []}
    others = [one for one in document["Statement"] if one.get("Sid") != statement["Sid"]]
    if len(others) < len(document["Statement"]) and any(one == statement for one in document["Statement"]):
        return None
    return json.dumps(document | {"Statement": [*others, statement]})


def with_eventbridge(found: Mapping[str, Any]) -> Json | None:
    """Return a bucket's notifications with EventBridge added; None if it is enabled."""
    if "EventBridgeConfiguration" in found:
        return None
    kept = {name: value for name, value in found.items() if name != "ResponseMetadata"}
    return kept | {"EventBridgeConfiguration": {}}


def _arn(queue: Mapping[str, str]) -> str:
    return queue.get("QueueArn", _UNKNOWN_ARN)


def _text(value: object) -> str:
    """Return an attribute in the form that SQS expects."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict) else str(value)


async def _unless_missing(call: Awaitable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    try:
        return await call
    except AwsError as error:
        if error.code in _MISSING:
            return None
        raise
