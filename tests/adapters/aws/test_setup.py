"""The event pathway, created by `aws setup` or by CloudFormation from the template."""

import json
import secrets
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from aws_server import REGION
from builders import a_logged_event
from memory_orak import SelfAdvancingClock
from orak.adapters.aws.bucket_template import BucketRules
from orak.adapters.aws.clients import open_service
from orak.adapters.aws.pathway import Pathway, delivery_statement
from orak.adapters.aws.setup import Setup, lacking_attributes, with_eventbridge, with_statement
from orak.adapters.aws.template import template
from orak.adapters.events.eventbridge import EventBridge
from orak.domain.events import EventType
from orak.entrypoints.worker.sqs_messages import ObjectsArrived, WakeUp, parse_message

KEY = "recordings/노래 + 1.webm"


@pytest.fixture
def pathway(aws_server):
    name = secrets.token_hex(6)
    return Pathway(f"bus-{name}", f"rule-{name}", f"queue-{name}", aws_server.new_bucket())


@asynccontextmanager
async def setting_up(server, pathway, *, dry_run=False):
    async with AsyncExitStack() as stack:
        services = [
            await stack.enter_async_context(open_service(name, server.config))
            for name in ("events", "sqs", "s3")
        ]
        yield Setup(*services, pathway, dry_run)


async def set_up(server, pathway, *, dry_run=False):
    async with setting_up(server, pathway, dry_run=dry_run) as made:
        return await made()


def states(made):
    return [(step.kind, step.name, step.found) for step in made.steps]


def steps_of(pathway, found, bucket="missing"):
    return [
        ("dead letters", pathway.dead_letters, found),
        ("queue", pathway.queue, found),
        ("bus", pathway.bus, found),
        ("rule", f"{pathway.rule} on {pathway.bus}", found),
        ("rule", f"{pathway.arrivals} on default", found),
        ("policy", pathway.queue, found),
        ("policy", pathway.dead_letters, found),
        ("target", f"{pathway.rule} -> {pathway.queue}", found),
        ("target", f"{pathway.arrivals} -> {pathway.queue}", found),
        ("bucket", f"{pathway.bucket} -> default", bucket),
    ]


async def carries(server, pathway, queue_url):
    """Return whether the pathway delivers the events that workers need, and no others."""
    server.messages(queue_url)
    async with EventBridge.open(server.config, pathway.bus, SelfAdvancingClock()) as bus:
        await bus.publish([a_logged_event(place, 1, type_) for place, type_ in enumerate(EventType, 1)])
    s3 = server.client("s3")
    for key in (KEY, "published/x"):
        s3.put_object(Bucket=pathway.bucket, Key=key, Body=b"x")
    meanings = [parse_message(body, pathway.bucket) for body in server.messages(queue_url)]
    return meanings == [WakeUp()] * 4 + [ObjectsArrived((KEY,))]


async def test_a_dry_run_creates_nothing(aws_server, pathway):
    made = await set_up(aws_server, pathway, dry_run=True)
    assert states(made) == steps_of(pathway, "missing")
    assert made.queue_url is None
    assert states(await set_up(aws_server, pathway, dry_run=True)) == states(made)


async def test_setup_creates_missing_resources_once(aws_server, pathway):
    made = await set_up(aws_server, pathway)
    assert states(made) == steps_of(pathway, "missing")
    assert await carries(aws_server, pathway, made.queue_url)
    again = await set_up(aws_server, pathway)
    # moto does not report a bucket's EventBridge setting; another test covers it without moto.
    assert states(again) == steps_of(pathway, "right")
    assert again.queue_url == made.queue_url
    assert await carries(aws_server, pathway, made.queue_url)


async def test_the_queues_have_the_required_attributes(aws_server, pathway):
    made = await set_up(aws_server, pathway)
    sqs = aws_server.client("sqs")
    queue = sqs.get_queue_attributes(QueueUrl=made.queue_url, AttributeNames=["All"])["Attributes"]
    dead_url = sqs.get_queue_url(QueueName=pathway.dead_letters)["QueueUrl"]
    dead = sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["All"])["Attributes"]
    assert json.loads(queue["RedrivePolicy"]) == {
        "deadLetterTargetArn": dead["QueueArn"],
        "maxReceiveCount": 5,
    }
    assert (queue["VisibilityTimeout"], queue["SqsManagedSseEnabled"]) == ("60", "true")
    assert dead["MessageRetentionPeriod"] == "1209600"
    rules = [
        f"arn:aws:events:{REGION}:123456789012:rule/{pathway.bus}/{pathway.rule}",
        f"arn:aws:events:{REGION}:123456789012:rule/{pathway.arrivals}",
    ]
    for attributes in (queue, dead):
        statements = json.loads(attributes["Policy"])["Statement"]
        assert statements == [delivery_statement(attributes["QueueArn"], rules)]
    (target,) = aws_server.client("events").list_targets_by_rule(Rule=pathway.rule, EventBusName=pathway.bus)[
        "Targets"
    ]
    assert target["DeadLetterConfig"] == {"Arn": dead["QueueArn"]}


async def test_setup_repairs_broken_attributes_and_keeps_the_others(aws_server, pathway):
    made = await set_up(aws_server, pathway)
    events, sqs = aws_server.client("events"), aws_server.client("sqs")
    foreign = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [foreign]})
    sqs.set_queue_attributes(QueueUrl=made.queue_url, Attributes={"VisibilityTimeout": "5", "Policy": policy})
    events.put_rule(
        Name=pathway.rule, EventBusName=pathway.bus, EventPattern='{"source": ["x"]}', State="DISABLED"
    )
    events.put_targets(
        Rule=pathway.rule,
        EventBusName=pathway.bus,
        Targets=[{"Id": "orak-queue", "Arn": aws_server.arn(made.queue_url)}],
    )
    repaired = await set_up(aws_server, pathway)
    expected = dict.fromkeys(("queue", "rule", "policy", "target"), "different")
    first_of_its_kind = {}
    for kind, name, found in states(repaired):
        first_of_its_kind.setdefault(kind, (name, found))
    assert {kind: found for kind, (_, found) in first_of_its_kind.items() if kind in expected} == expected
    assert await carries(aws_server, pathway, made.queue_url)
    attributes = sqs.get_queue_attributes(QueueUrl=made.queue_url, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "60"
    statements = json.loads(attributes["Policy"])["Statement"]
    assert foreign in statements
    assert len(statements) == 2
    assert "different" not in {found for _, _, found in states(await set_up(aws_server, pathway))}


async def test_setup_keeps_other_notifications_of_the_bucket(aws_server, pathway):
    s3, other = aws_server.client("s3"), aws_server.new_queue()
    configured = {"Id": "theirs", "QueueArn": aws_server.arn(other), "Events": ["s3:ObjectRemoved:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=pathway.bucket, NotificationConfiguration={"QueueConfigurations": [configured]}
    )
    made = await set_up(aws_server, pathway)
    assert await carries(aws_server, pathway, made.queue_url)
    kept = s3.get_bucket_notification_configuration(Bucket=pathway.bucket)["QueueConfigurations"]
    assert kept == [configured]


def test_a_bucket_that_already_notifies_eventbridge_is_not_changed():
    theirs = {"TopicConfigurations": [{"Id": "theirs"}], "ResponseMetadata": {}}
    wanted = {"TopicConfigurations": [{"Id": "theirs"}], "EventBridgeConfiguration": {}}
    assert with_eventbridge(theirs) == wanted
    assert with_eventbridge(wanted) is None


async def test_without_a_bucket_setup_creates_one_rule(aws_server):
    name = secrets.token_hex(6)
    made = await set_up(aws_server, Pathway(f"bus-{name}", f"rule-{name}", f"queue-{name}"))
    assert [step.kind for step in made.steps].count("rule") == 1
    assert "bucket" not in {step.kind for step in made.steps}


async def test_the_default_bus_can_carry_the_events(aws_server):
    name = secrets.token_hex(6)
    pathway = Pathway("default", f"rule-{name}", f"queue-{name}", aws_server.new_bucket())
    made = await set_up(aws_server, pathway)
    assert ("bus", "default", "right") in states(made)
    assert await carries(aws_server, pathway, made.queue_url)


def test_stricter_attributes_are_kept():
    wanted = {"VisibilityTimeout": 60, "SqsManagedSseEnabled": True, "RedrivePolicy": {"maxReceiveCount": 5}}
    theirs = {"VisibilityTimeout": "900", "KmsMasterKeyId": "key", "RedrivePolicy": '{"maxReceiveCount": 9}'}
    assert lacking_attributes(theirs, wanted) == {}
    assert lacking_attributes({"VisibilityTimeout": "59", "SqsManagedSseEnabled": "false"}, wanted) == {
        "VisibilityTimeout": "60",
        "SqsManagedSseEnabled": "true",
        "RedrivePolicy": '{"maxReceiveCount": 5}',
    }


def test_a_new_statement_replaces_the_old_one():
    old, new = delivery_statement("q", ["r1"]), delivery_statement("q", ["r1", "r2"])
    policy = with_statement(None, old)
    assert with_statement(policy, old) is None
    assert json.loads(with_statement(policy, new))["Statement"] == [new]


@pytest.mark.parametrize("own_bus", [True, False])
async def test_cloudformation_creates_the_same_pathway_from_the_template(aws_server, pathway, own_bus):
    if not own_bus:
        pathway = Pathway("default", pathway.rule, pathway.queue, pathway.bucket)
    cloudformation = aws_server.client("cloudformation")
    stack = f"stack-{secrets.token_hex(6)}"
    cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(template(pathway, BucketRules())))
    (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    assert described["StackStatus"] == "CREATE_COMPLETE"
    outputs = {output["Description"]: output["OutputValue"] for output in described["Outputs"]}
    assert outputs["EVENTBRIDGE_BUS_NAME"] == pathway.bus
    assert outputs["EVENTBRIDGE_RULE_NAME"] == pathway.rule
    assert outputs["SQS_QUEUE_URL"].endswith(f"/{pathway.queue}")

    # CloudFormation cannot change an existing bucket, and moto ignores queue policies: setup adds both.
    made = await set_up(aws_server, pathway)
    assert {kind for kind, _, found in states(made) if found != "right"} <= {"policy", "bucket"}
    assert await carries(aws_server, pathway, made.queue_url)
