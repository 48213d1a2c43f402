"""Bucket, CDN and event pathway as CloudFormation: linted, created on moto, read for their promises."""

import json
import re
import secrets
from pathlib import Path

import cfnlint.api
import cfnlint.config
import pytest

from aws_server import REGION
from orak.adapters.aws.bucket_template import BucketRules
from orak.adapters.aws.pathway import Pathway
from orak.adapters.aws.template import template
from orak.adapters.storage.s3 import _MEDIA_LIFE
from orak.entrypoints.settings.values import Settings

ROOT = Path(__file__).parents[3]


@pytest.fixture
def pathway():
    name = secrets.token_hex(6)
    return Pathway(f"bus-{name}", f"rule-{name}", f"queue-{name}", f"takes-{name}")


def create(server, body, **parameters):
    """Create a stack; return its outputs by the name of the setting."""
    stack, cloudformation = f"stack-{secrets.token_hex(6)}", server.client("cloudformation")
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(body), Parameters=given)
    (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    assert described["StackStatus"] == "CREATE_COMPLETE"
    return {output["Description"]: output["OutputValue"] for output in described["Outputs"]}


def resolved(value, conditions=("NewBucket", "NewCdn", "HasOrigins", "HasKey")):
    """Return part of a template with its conditions decided; other functions stay as they are."""
    if isinstance(value, list):
        return [one for item in value if (one := resolved(item, conditions)) is not None]
    if not isinstance(value, dict):
        return value
    if value == {"Ref": "AWS::NoValue"}:
        return None
    if "Fn::If" in value:
        condition, true, false = value["Fn::If"]
        return resolved(true if condition in conditions else false, conditions)
    return {key: resolved(one, conditions) for key, one in value.items()}


@pytest.fixture(scope="module")
def resources():
    return resolved(template(Pathway(bucket="takes"), BucketRules()))["Resources"]


def test_the_committed_template_is_the_one_that_the_command_prints():
    committed = (ROOT / "deploy" / "cloudformation" / "orak.json").read_text()
    assert json.loads(committed) == template(Pathway(), BucketRules()), (
        "`orak aws template` in an empty folder, without settings, writes it again"
    )


@pytest.mark.parametrize("bus", ["orak-processing-bus", "default"])
def test_the_template_passes_cfn_lint(bus):
    body = json.dumps(template(Pathway(bus=bus), BucketRules()))
    assert len(body.encode()) < 51_200  # the limit of create_stack for an inline template
    assert cfnlint.api.lint(body, cfnlint.config.ManualArgs(regions=[REGION])) == []


def test_cloudformation_creates_the_bucket_but_no_cdn_unless_asked(aws_server, pathway):
    outputs = create(aws_server, template(pathway, BucketRules()), CreateBucket="true")
    assert outputs["S3_BUCKET_NAME"] == pathway.bucket
    assert not {"CDN_BASE_URL", "CLOUDFRONT_DISTRIBUTION_ID"} & set(outputs)
    found = aws_server.client("s3").get_bucket_encryption(Bucket=pathway.bucket)
    [rule] = found["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_cloudformation_accepts_the_whole_with_the_cdn(aws_server, pathway):
    body = template(pathway, BucketRules(origins=("https://app.example.com",)))
    # moto knows no resource of CloudFront, so an output cannot read the attribute of one.
    del body["Outputs"]["CdnBaseUrl"]
    outputs = create(aws_server, body, CreateBucket="true", CreateCdn="true", CdnPublicKey="-----BEGIN")
    assert outputs["SQS_QUEUE_URL"].endswith(f"/{pathway.queue}")


def test_the_template_without_a_bucket_creates_no_bucket_rule(aws_server):
    name = secrets.token_hex(6)
    bare = Pathway(f"bus-{name}", f"rule-{name}", f"queue-{name}")
    assert "S3_BUCKET_NAME" not in create(aws_server, template(bare, BucketRules()))
    made = aws_server.client("events").list_rules(NamePrefix=f"rule-{name}")["Rules"]
    assert made == []  # on the default bus


def test_the_policy_is_one_that_s3_can_read(aws_server, resources):
    """Put it on a bucket of moto, with the bucket's name and the ages filled in."""
    bucket = aws_server.new_bucket()
    policy = json.dumps(resources["BucketPolicy"]["Properties"]["PolicyDocument"])
    for function, value in (
        (r'\{"Fn::Sub": "\$\{Bucket.Arn\}([^"]*)"\}', rf'"arn:aws:s3:::{bucket}\1"'),
        (r'\{"Fn::Sub": "\$\{PutSeconds\}000"\}', '"900000"'),
        (r'\{"Fn::Sub": "\$\{GetSeconds\}000"\}', '"3600000"'),
        (r'\{"Fn::Sub": "arn:[^"]*"\}', '"arn:aws:cloudfront::123456789012:distribution/E1"'),
    ):
        policy, replaced = re.subn(function, value, policy)
        assert replaced
    assert "Fn::" not in policy
    s3 = aws_server.client("s3")
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(policy)


def test_old_signatures_plain_http_and_anonymous_writes_are_denied_to_every_caller(resources):
    statements = resources["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    denied = {one["Sid"]: one for one in statements if one["Effect"] == "Deny"}
    assert {one["Principal"] for one in denied.values()} == {"*"}
    assert denied["NoPlainHttp"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert denied["NoPlainHttp"]["Action"] == "s3:*"
    uploads, reads = denied["NoOldUploads"], denied["NoOldReads"]
    assert (uploads["Action"], reads["Action"]) == ("s3:PutObject", "s3:GetObject")
    # S3 compares milliseconds, the parameters are seconds.
    age = {"NumericGreaterThan": {"s3:signatureAge": {"Fn::Sub": "${PutSeconds}000"}}}
    assert uploads["Condition"] == age
    assert "s3:PutObject" in denied["NoPublicWrite"]["Action"]


def test_the_ages_are_those_of_the_urls_that_orak_signs():
    defaults = {
        name: one["Default"] for name, one in template(Pathway(), BucketRules())["Parameters"].items()
    }
    assert defaults["PutSeconds"] == Settings().presign_ttl_seconds
    assert defaults["GetSeconds"] == _MEDIA_LIFE.total_seconds()


def test_the_cdn_reads_renditions_and_no_originals(resources):
    statements = resources["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    [allowed] = [one for one in statements if one["Effect"] == "Allow"]
    assert allowed["Action"] == "s3:GetObject"
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert allowed["Resource"] == [
        {"Fn::Sub": "${Bucket.Arn}/published/*"},
        {"Fn::Sub": "${Bucket.Arn}/private/*"},
    ]
    [source] = allowed["Condition"]["StringEquals"].values()
    assert source["Fn::Sub"].endswith("distribution/${Cdn}")
    without = resolved(template(Pathway(bucket="takes"), BucketRules()), ("NewBucket",))["Resources"]
    statements = without["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert {one["Effect"] for one in statements} == {"Deny"}


def test_only_published_is_reachable_without_a_signature(resources):
    config = resources["Cdn"]["Properties"]["DistributionConfig"]
    published, private = config["CacheBehaviors"]
    assert (published["PathPattern"], private["PathPattern"]) == ("published/*", "private/*")
    assert "TrustedKeyGroups" not in published
    assert private["TrustedKeyGroups"] == [{"Ref": "CdnKeys"}]
    [function] = config["DefaultCacheBehavior"]["FunctionAssociations"]
    assert function["FunctionARN"] == {"Fn::GetAtt": ["CdnNotFound", "FunctionARN"]}
    assert "statusCode: 404" in resources["CdnNotFound"]["Properties"]["FunctionCode"]
    without_key = resolved(template(Pathway(bucket="takes"), BucketRules()), ("NewBucket", "NewCdn"))
    config = without_key["Resources"]["Cdn"]["Properties"]["DistributionConfig"]
    assert [one["PathPattern"] for one in config["CacheBehaviors"]] == ["published/*"]
    assert {one["ViewerProtocolPolicy"] for one in (published, private, config["DefaultCacheBehavior"])} == {
        "https-only"
    }
    [origin] = config["Origins"]
    assert origin["OriginAccessControlId"] == {"Ref": "CdnAccess"}


def test_the_bucket_is_private_drops_unfinished_uploads_and_has_the_documented_cors_rules(resources):
    bucket = resources["Bucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    [rule] = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] >= 2  # signing goes on for 24 h
    guide = (ROOT / "docs" / "guides" / "storage.md").read_text()
    documented = json.loads(re.search(r"```json\n(\[\n.*?)```", guide, re.DOTALL)[1])
    documented[0]["AllowedOrigins"] = {"Ref": "Origins"}
    renamed = {"ExposeHeaders": "ExposedHeaders", "MaxAgeSeconds": "MaxAge"}
    assert bucket["CorsConfiguration"]["CorsRules"] == [
        {renamed.get(name, name): value for name, value in rule.items()} for rule in documented
    ]
