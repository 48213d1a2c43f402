"""Bus, rules, queues and permissions, made by orak or by CloudFormation from its template."""

import json
import secrets
from contextlib import AsyncExitStack, asynccontextmanager

import cfnlint.api
import cfnlint.config
import pytest

from aws_server import REGION
from builders import a_logged_event
from house import RestlessClock
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


def steps_of(way, found, bucket="missing"):
    return [
        ("dead letters", way.dead_letters, found),
        ("queue", way.queue, found),
        ("bus", way.bus, found),
        ("rule", f"{way.rule} on {way.bus}", found),
        ("rule", f"{way.arrivals} on default", found),
        ("policy", way.queue, found),
        ("policy", way.dead_letters, found),
        ("target", f"{way.rule} -> {way.queue}", found),
        ("target", f"{way.arrivals} -> {way.queue}", found),
        ("bucket", f"{way.bucket} -> default", bucket),
    ]


async def carries(server, pathway, queue_url):
    """Whether what should come through does, and nothing else."""
    server.messages(queue_url)
    async with EventBridge.open(server.config, pathway.bus, RestlessClock()) as bus:
        await bus.publish([a_logged_event(place, 1, type_) for place, type_ in enumerate(EventType, 1)])
    s3 = server.client("s3")
    for key in (KEY, "published/x"):
        s3.put_object(Bucket=pathway.bucket, Key=key, Body=b"x")
    meanings = [parse_message(body, pathway.bucket) for body in server.messages(queue_url)]
    return meanings == [WakeUp()] * 4 + [ObjectsArrived((KEY,))]


async def test_a_dry_run_makes_nothing(aws_server, pathway):
    made = await set_up(aws_server, pathway, dry_run=True)
    assert states(made) == steps_of(pathway, "missing")
    assert made.queue_url is None
    assert states(await set_up(aws_server, pathway, dry_run=True)) == states(made)


async def test_it_makes_what_is_missing_once(aws_server, pathway):
    made = await set_up(aws_server, pathway)
    assert states(made) == steps_of(pathway, "missing")
    assert await carries(aws_server, pathway, made.queue_url)
    again = await set_up(aws_server, pathway)
    # moto does not tell of a bucket's EventBridge; that one is told beside the others is shown below.
    assert states(again) == steps_of(pathway, "right")
    assert again.queue_url == made.queue_url
    assert await carries(aws_server, pathway, made.queue_url)


async def test_the_queue_is_as_it_has_to_be(aws_server, pathway):
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


async def test_it_mends_what_would_not_work_and_leaves_the_rest(aws_server, pathway):
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
    mended = await set_up(aws_server, pathway)
    expected = dict.fromkeys(("queue", "rule", "policy", "target"), "different")
    first_of_its_kind = {}
    for kind, name, found in states(mended):
        first_of_its_kind.setdefault(kind, (name, found))
    assert {kind: found for kind, (_, found) in first_of_its_kind.items() if kind in expected} == expected
    assert await carries(aws_server, pathway, made.queue_url)
    attributes = sqs.get_queue_attributes(QueueUrl=made.queue_url, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "60"
    statements = json.loads(attributes["Policy"])["Statement"]
    assert foreign in statements
    assert len(statements) == 2
    assert "different" not in {found for _, _, found in states(await set_up(aws_server, pathway))}


async def test_a_buckets_other_notifications_stay(aws_server, pathway):
    s3, other = aws_server.client("s3"), aws_server.new_queue()
    configured = {"Id": "theirs", "QueueArn": aws_server.arn(other), "Events": ["s3:ObjectRemoved:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=pathway.bucket, NotificationConfiguration={"QueueConfigurations": [configured]}
    )
    made = await set_up(aws_server, pathway)
    assert await carries(aws_server, pathway, made.queue_url)
    kept = s3.get_bucket_notification_configuration(Bucket=pathway.bucket)["QueueConfigurations"]
    assert kept == [configured]


def test_a_bucket_that_tells_eventbridge_is_left_alone():
    theirs = {"TopicConfigurations": [{"Id": "theirs"}], "ResponseMetadata": {}}
    wanted = {"TopicConfigurations": [{"Id": "theirs"}], "EventBridgeConfiguration": {}}
    assert with_eventbridge(theirs) == wanted
    assert with_eventbridge(wanted) is None


async def test_without_a_bucket_there_is_one_rule(aws_server):
    name = secrets.token_hex(6)
    made = await set_up(aws_server, Pathway(f"bus-{name}", f"rule-{name}", f"queue-{name}"))
    assert [step.kind for step in made.steps].count("rule") == 1
    assert "bucket" not in {step.kind for step in made.steps}


async def test_the_default_bus_can_be_ours(aws_server):
    name = secrets.token_hex(6)
    pathway = Pathway("default", f"rule-{name}", f"queue-{name}", aws_server.new_bucket())
    made = await set_up(aws_server, pathway)
    assert ("bus", "default", "right") in states(made)
    assert await carries(aws_server, pathway, made.queue_url)


def test_what_an_owner_chose_better_stays():
    wanted = {"VisibilityTimeout": 60, "SqsManagedSseEnabled": True, "RedrivePolicy": {"maxReceiveCount": 5}}
    theirs = {"VisibilityTimeout": "900", "KmsMasterKeyId": "key", "RedrivePolicy": '{"maxReceiveCount": 9}'}
    assert lacking_attributes(theirs, wanted) == {}
    assert lacking_attributes({"VisibilityTimeout": "59", "SqsManagedSseEnabled": "false"}, wanted) == {
        "VisibilityTimeout": "60",
        "SqsManagedSseEnabled": "true",
        "RedrivePolicy": '{"maxReceiveCount": 5}',
    }


def test_a_statement_takes_the_place_of_its_elder():
    old, new = delivery_statement("q", ["r1"]), delivery_statement("q", ["r1", "r2"])
    policy = with_statement(None, old)
    assert with_statement(policy, old) is None
    assert json.loads(with_statement(policy, new))["Statement"] == [new]


@pytest.mark.parametrize("own_bus", [True, False])
async def test_cloudformation_makes_the_same_of_the_template(aws_server, pathway, own_bus):
    if not own_bus:
        pathway = Pathway("default", pathway.rule, pathway.queue, pathway.bucket)
    cloudformation = aws_server.client("cloudformation")
    stack = f"stack-{secrets.token_hex(6)}"
    cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(template(pathway)))
    (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    assert described["StackStatus"] == "CREATE_COMPLETE"
    outputs = {output["Description"]: output["OutputValue"] for output in described["Outputs"]}
    assert outputs["EVENTBRIDGE_BUS_NAME"] == pathway.bus
    assert outputs["EVENTBRIDGE_RULE_NAME"] == pathway.rule
    assert outputs["SQS_QUEUE_URL"].endswith(f"/{pathway.queue}")

    # What CloudFormation cannot do for a bucket that exists, and moto not for a queue, setup does after it.
    made = await set_up(aws_server, pathway)
    assert {kind for kind, _, found in states(made) if found != "right"} <= {"policy", "bucket"}
    assert await carries(aws_server, pathway, made.queue_url)


async def test_cloudformation_can_make_the_bucket(aws_server, pathway):
    new = f"new-{pathway.queue}"
    stack, cloudformation = f"stack-{secrets.token_hex(6)}", aws_server.client("cloudformation")
    cloudformation.create_stack(
        StackName=stack,
        TemplateBody=json.dumps(template(pathway)),
        Parameters=[
            {"ParameterKey": "BucketName", "ParameterValue": new},
            {"ParameterKey": "CreateBucket", "ParameterValue": "true"},
        ],
    )
    aws_server.client("s3").head_bucket(Bucket=new)
    (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    assert described["StackStatus"] == "CREATE_COMPLETE"


def test_the_template_without_a_bucket_makes_no_rule_for_one(aws_server):
    cloudformation, name = aws_server.client("cloudformation"), secrets.token_hex(6)
    body = json.dumps(template(Pathway(f"bus-{name}", f"rule-{name}", f"queue-{name}")))
    cloudformation.create_stack(StackName=f"s-{name}", TemplateBody=body)
    made = aws_server.client("events").list_rules(NamePrefix=f"rule-{name}")["Rules"]
    assert made == []  # on the default bus


@pytest.mark.parametrize("bus", ["orak-processing-bus", "default"])
def test_the_template_is_one_by_cloudformations_own_schemas(bus):
    body = json.dumps(template(Pathway(bus=bus)))
    assert len(body.encode()) < 51_200  # what create_stack takes inline
    assert cfnlint.api.lint(body, cfnlint.config.ManualArgs(regions=[REGION])) == []
