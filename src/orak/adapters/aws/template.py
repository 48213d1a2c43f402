"""The event pathway as a CloudFormation template."""

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

_ARN: Json = {"Fn::GetAtt": ["Queue", "Arn"]}
_DEAD_ARN: Json = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
_RULE_ARN: Json = {"Fn::GetAtt": ["Rule", "Arn"]}
_ARRIVALS_ARN: Json = {"Fn::GetAtt": ["Arrivals", "Arn"]}


def template(pathway: Pathway) -> Json:
    """Return a template whose parameters default to the names in *pathway*.

    CloudFormation cannot enable events on an existing bucket; `aws setup` can.
    """
    own_bus = pathway.bus != DEFAULT_BUS
    bus: object = {"Fn::GetAtt": ["Bus", "Name"]} if own_bus else DEFAULT_BUS
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Event pathway of orak: bus, rules, queue and dead-letter queue",
        "Parameters": {
            **({"BusName": _parameter("Bus that receives orak events", pathway.bus)} if own_bus else {}),
            "RuleName": _parameter("Rule from the bus to the queue", pathway.rule),
            "QueueName": _parameter("Queue that the workers read", pathway.queue),
            "BucketName": _parameter("Bucket of the uploads; empty for none", pathway.bucket or ""),
            "CreateBucket": _parameter("Whether to create the bucket", "false")
            | {"AllowedValues": ["true", "false"]},
        },
        "Conditions": {
            "HasBucket": {"Fn::Not": [{"Fn::Equals": [{"Ref": "BucketName"}, ""]}]},
            "NewBucket": {
                "Fn::And": [{"Condition": "HasBucket"}, {"Fn::Equals": [{"Ref": "CreateBucket"}, "true"]}]
            },
        },
        "Resources": {
            "DeadLetters": _resource(
                "AWS::SQS::Queue", {"QueueName": {"Fn::Sub": "${QueueName}-dead"}} | dead_letters_attributes()
            ),
            "Queue": _resource(
                "AWS::SQS::Queue", {"QueueName": {"Ref": "QueueName"}} | queue_attributes(_DEAD_ARN)
            ),
            **({"Bus": _resource("AWS::Events::EventBus", {"Name": {"Ref": "BusName"}})} if own_bus else {}),
            "Rule": _rule({"Ref": "RuleName"}, bus, events_pattern()),
            "Arrivals": _rule(
                {"Fn::Sub": "${RuleName}-arrivals"},
                DEFAULT_BUS,
                arrivals_pattern({"Ref": "BucketName"}),
                "HasBucket",
            ),
            "QueuePolicy": _policy("Queue", _ARN),
            "DeadLettersPolicy": _policy("DeadLetters", _DEAD_ARN),
            "Bucket": _resource(
                "AWS::S3::Bucket",
                {
                    "BucketName": {"Ref": "BucketName"},
                    "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
                    "PublicAccessBlockConfiguration": dict.fromkeys(
                        (
                            "BlockPublicAcls",
                            "BlockPublicPolicy",
                            "IgnorePublicAcls",
                            "RestrictPublicBuckets",
                        ),
                        True,
                    ),
                },
                "NewBucket",
            )
            | {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"},
        },
        "Outputs": {
            "EventBridgeBusName": {"Description": "EVENTBRIDGE_BUS_NAME", "Value": bus},
            "EventBridgeRuleName": {"Description": "EVENTBRIDGE_RULE_NAME", "Value": {"Ref": "RuleName"}},
            "SqsQueueUrl": {"Description": "SQS_QUEUE_URL", "Value": {"Ref": "Queue"}},
        },
    }


def _parameter(description: str, default: str) -> Json:
    return {"Type": "String", "Description": description, "Default": default}


def _resource(kind: str, properties: Json, condition: str | None = None) -> Json:
    when: Json = {"Condition": condition} if condition else {}
    return {"Type": kind} | when | {"Properties": properties}


def _rule(name: Json, bus: object, pattern: Json, condition: str | None = None) -> Json:
    properties: Json = {
        "Name": name,
        "EventBusName": bus,
        "State": "ENABLED",
        "EventPattern": pattern,
        "Targets": [target(_ARN, _DEAD_ARN)],
    }
    return _resource("AWS::Events::Rule", properties, condition)


def _policy(queue: str, arn: Json) -> Json:
    arrivals_arn: Json = {"Fn::If": ["HasBucket", _ARRIVALS_ARN, {"Ref": "AWS::NoValue"}]}
    statement = delivery_statement(arn, [_RULE_ARN, arrivals_arn])
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return _resource("AWS::SQS::QueuePolicy", {"Queues": [{"Ref": queue}], "PolicyDocument": document})
