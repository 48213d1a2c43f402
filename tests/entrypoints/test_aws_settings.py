"""Where the AWS bus and queue are, and settings that cannot work."""

import subprocess
import sys

import pytest

from orak import Settings
from orak.adapters.aws.config import AwsConfig
from orak.adapters.events.sqs import SqsQueue
from orak.entrypoints.running import open_parts
from orak.entrypoints.settings.checks import InvalidSetting

KEYS = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}


@pytest.fixture(autouse=True)
def no_aws_tools(monkeypatch):
    """The developer who runs the tests may have configured a region and keys."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")


def test_bus_and_queue_are_in_the_buckets_region_unless_another_is_set():
    assert Settings(s3_region="eu-west-1").events_region == "eu-west-1"
    assert Settings(s3_region="eu-west-1", aws_region="eu-west-3").events_region == "eu-west-3"


def test_the_bucket_is_at_the_aws_endpoint_unless_it_has_its_own():
    elsewhere = Settings(s3_endpoint_url="http://minio:9000", aws_endpoint_url="http://aws:4566")
    assert elsewhere.bucket_endpoint == "http://minio:9000"
    assert Settings(aws_endpoint_url="http://aws:4566").bucket_endpoint == "http://aws:4566"


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/q", "eu-west-1"),
        ("https://eu-west-1.queue.amazonaws.com/123456789012/q", "eu-west-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q", "cn-north-1"),
        ("http://127.0.0.1:5000/123456789012/q", "us-west-2"),
    ],
)
async def test_the_region_of_a_queue_comes_from_its_url(url, region):
    async with SqsQueue.open(AwsConfig("us-west-2", None, "key", "secret"), url) as queue:
        assert queue._service._client.meta.region_name == region


async def test_the_error_for_a_missing_region_names_the_setting():
    settings = Settings(eventbridge_bus_name="bus", sqs_queue_url="https://queue.example.com/q", **KEYS)
    with pytest.raises(
        InvalidSetting, match="EVENTBRIDGE_BUS_NAME cannot be used: You must specify a region"
    ):
        async with open_parts(settings, "event_bus"):
            pass
    with pytest.raises(InvalidSetting, match="SQS_QUEUE_URL cannot be used") as refusal:
        async with open_parts(settings, "messages"):
            pass
    assert "AWS_REGION" in refusal.value.hint


async def test_missing_packages_come_with_an_install_hint(monkeypatch):
    monkeypatch.setitem(sys.modules, "orak.adapters.aws.clients", None)
    monkeypatch.setitem(sys.modules, "aioboto3", None)
    settings = Settings(eventbridge_bus_name="bus", sqs_queue_url="https://queue.example.com/q")
    for module in ("orak.adapters.events.eventbridge", "orak.adapters.events.sqs"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    for part in ("event_bus", "messages"):
        with pytest.raises(InvalidSetting, match="is not installed") as refusal:
            async with open_parts(settings, part):
                pass
        assert refusal.value.hint == "pip install 'orak[aws]'"


def test_no_aws_package_is_imported_at_start():
    program = "import sys, orak.entrypoints.running; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"aioboto3", "botocore"}.isdisjoint(loaded.stdout.split())
