"""Where bus and queue are, and settings by which there can be none."""

import subprocess
import sys

import pytest

from orak import Settings
from orak.adapters.aws.clients import AwsConfig
from orak.adapters.clock.system import SystemClock
from orak.adapters.events.sqs import SqsQueue
from orak.entrypoints.aws import aws_place, open_event_bus, open_message_queue
from orak.entrypoints.settings.checks import InvalidSetting

KEYS = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}


@pytest.fixture(autouse=True)
def no_aws_tools(monkeypatch):
    """Whoever runs the tests may have a region and keys of their own."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")


def test_bus_and_queue_are_with_the_bucket_unless_they_are_put_elsewhere():
    assert aws_place(Settings(s3_region="eu-west-1")).region == "eu-west-1"
    assert aws_place(Settings(s3_region="eu-west-1", aws_region="eu-west-3")).region == "eu-west-3"
    elsewhere = Settings(s3_endpoint_url="http://minio:9000", aws_endpoint_url="http://aws:4566")
    assert aws_place(elsewhere).endpoint_url == "http://aws:4566"
    assert aws_place(Settings(s3_endpoint_url="http://minio:9000")).endpoint_url is None


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/q", "eu-west-1"),
        ("https://eu-west-1.queue.amazonaws.com/123456789012/q", "eu-west-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q", "cn-north-1"),
        ("http://127.0.0.1:5000/123456789012/q", "us-west-2"),
    ],
)
async def test_a_queue_is_in_the_region_of_its_url(url, region):
    async with SqsQueue.open(AwsConfig("us-west-2", None, "key", "secret"), url) as queue:
        assert queue._service._client.meta.region_name == region


async def test_without_any_region_it_is_said_which_setting_lacks():
    settings = Settings(eventbridge_bus_name="bus", sqs_queue_url="https://queue.example.com/q", **KEYS)
    with pytest.raises(
        InvalidSetting, match="EVENTBRIDGE_BUS_NAME cannot be used: You must specify a region"
    ):
        async with open_event_bus(settings, SystemClock()):
            pass
    with pytest.raises(InvalidSetting, match="SQS_QUEUE_URL cannot be used") as refusal:
        async with open_message_queue(settings):
            pass
    assert "AWS_REGION" in refusal.value.hint


async def test_without_the_packages_it_is_said_how_to_get_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "orak.adapters.aws.clients", None)
    monkeypatch.setitem(sys.modules, "aioboto3", None)
    settings = Settings(eventbridge_bus_name="bus", sqs_queue_url="https://queue.example.com/q")
    for opening in (open_event_bus(settings, SystemClock()), open_message_queue(settings)):
        with pytest.raises(InvalidSetting, match="is not installed") as refusal:
            async with opening:
                pass
        assert refusal.value.hint == "pip install 'orak[aws]'"


def test_nothing_of_aws_is_loaded_before_it_is_asked_for():
    program = "import sys, orak.entrypoints.container; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"aioboto3", "botocore"}.isdisjoint(loaded.stdout.split())
