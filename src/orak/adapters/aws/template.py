"""Bucket, CDN and event pathway as a CloudFormation template."""

from orak.adapters.aws.bucket_template import BucketRules, bucket, bucket_policy
from orak.adapters.aws.cdn_template import cdn
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
_CDN_HOST: Json = {"Fn::If": ["HasDomain", {"Ref": "CdnDomain"}, {"Fn::GetAtt": ["Cdn", "DomainName"]}]}
_ARRIVALS_ARN: Json = {"Fn::GetAtt": ["Arrivals", "Arn"]}


def template(pathway: Pathway, rules: BucketRules) -> Json:
    """Return a template whose parameters default to the names in *pathway* and to *rules*.

    CloudFormation cannot change an existing bucket; `aws setup` enables its events.
    """
    own_bus = pathway.bus != DEFAULT_BUS
    bus: object = {"Fn::GetAtt": ["Bus", "Name"]} if own_bus else DEFAULT_BUS
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "orak: bucket, CDN, event bus, rules, queue and dead-letter queue",
        "Parameters": {
            **({"BusName": _parameter("Bus that receives orak events", pathway.bus)} if own_bus else {}),
            "RuleName": _parameter("Rule from the bus to the queue", pathway.rule),
            "QueueName": _parameter("Queue that the workers read", pathway.queue),
            "BucketName": _parameter("Bucket of the uploads; empty for none", pathway.bucket or ""),
            "CreateBucket": _switch("Whether to create the bucket"),
            "PutSeconds": _seconds(
                "Age at which a signed upload is refused: PRESIGN_TTL_SECONDS", rules.put_seconds
            ),
            "GetSeconds": _seconds("Age at which a signed read is refused", rules.get_seconds),
            "Origins": _parameter(
                "Origins of pages that upload: PUBLIC_URL, CORS_ORIGINS", ",".join(rules.origins)
            )
            | {"Type": "CommaDelimitedList"},
            "CreateCdn": _switch("Whether to create a CloudFront distribution for the new bucket"),
            "CdnPublicKey": _parameter("PEM of the key that verifies signed URLs; empty for none", ""),
            "CdnDomain": _parameter("Domain of the CDN; empty for one of CloudFront", ""),
            "CdnCertificateArn": _parameter("Certificate for that domain, in us-east-1", ""),
        },
        "Conditions": {
            "HasBucket": _not_empty({"Ref": "BucketName"}),
            "NewBucket": {
                "Fn::And": [{"Condition": "HasBucket"}, {"Fn::Equals": [{"Ref": "CreateBucket"}, "true"]}]
            },
            "HasOrigins": _not_empty({"Fn::Join": ["", {"Ref": "Origins"}]}),
            "NewCdn": {
                "Fn::And": [{"Condition": "NewBucket"}, {"Fn::Equals": [{"Ref": "CreateCdn"}, "true"]}]
            },
            "HasKey": {"Fn::And": [{"Condition": "NewCdn"}, _not_empty({"Ref": "CdnPublicKey"})]},
            "HasDomain": _not_empty({"Ref": "CdnDomain"}),
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
            "Bucket": _resource("AWS::S3::Bucket", bucket(), "NewBucket")
            | {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"},
            "BucketPolicy": _resource("AWS::S3::BucketPolicy", bucket_policy(), "NewBucket"),
            **cdn(),
        },
        "Outputs": {
            "EventBridgeBusName": {"Description": "EVENTBRIDGE_BUS_NAME", "Value": bus},
            "EventBridgeRuleName": {"Description": "EVENTBRIDGE_RULE_NAME", "Value": {"Ref": "RuleName"}},
            "SqsQueueUrl": {"Description": "SQS_QUEUE_URL", "Value": {"Ref": "Queue"}},
            "S3BucketName": _output("S3_BUCKET_NAME", {"Ref": "BucketName"}, "HasBucket"),
            "CdnBaseUrl": _output(
                "CDN_BASE_URL", {"Fn::Sub": ["https://${Host}", {"Host": _CDN_HOST}]}, "NewCdn"
            ),
            "CloudFrontDistributionId": _output("CLOUDFRONT_DISTRIBUTION_ID", {"Ref": "Cdn"}, "NewCdn"),
            "CloudFrontKeyId": _output("CLOUDFRONT_KEY_ID", {"Ref": "CdnKey"}, "HasKey"),
        },
    }


def _switch(description: str) -> Json:
    return _parameter(description, "false") | {"AllowedValues": ["true", "false"]}


def _seconds(description: str, default: int) -> Json:
    return {
        "Type": "Number",
        "Description": description,
        "Default": default,
        "MinValue": 1,
        "MaxValue": 604_800,
    }


def _not_empty(value: Json) -> Json:
    return {"Fn::Not": [{"Fn::Equals": [value, ""]}]}


def _output(description: str, value: Json, condition: str) -> Json:
    return {"Description": description, "Value": value, "Condition": condition}


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
