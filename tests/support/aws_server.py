"""A moto server in its own process: EventBridge, SQS, S3, CloudFront and CloudFormation.

moto checks no signatures and no policies.
"""

import os
import secrets
import socket
import subprocess
import sys
import time
from functools import cache

import boto3
import pytest

from orak.adapters.aws.clients import AwsConfig

DEADLINE = 30

REGION = "ap-northeast-2"


class AwsServer:
    """A server that can be stopped for good. It keeps its data in memory."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.config = AwsConfig(REGION, self.url, "AKIDORAKTESTS", "secret")
        self.settings = {
            "aws_endpoint_url": self.url,
            "aws_region": REGION,
            "aws_access_key_id": "AKIDORAKTESTS",
            "aws_secret_access_key": "secret",
        }
        self.env = {name.upper(): value for name, value in self.settings.items()}
        self._clients = {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            env={name: value for name, value in os.environ.items() if not name.startswith("MOTO_")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, "moto did not start"
                assert time.monotonic() < deadline, "moto does not answer"
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def client(self, service):
        """Return a boto3 client, independent of orak."""
        if service not in self._clients:
            self._clients[service] = self._new_client(service)
        return self._clients[service]

    def _new_client(self, service):
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="AKIDORAKTESTS",
            aws_secret_access_key="secret",
        )

    def new_bucket(self) -> str:
        bucket = f"orak-{secrets.token_hex(8)}"
        self.client("s3").create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        return bucket

    def new_distribution(self) -> str:
        """Create a CloudFront distribution; return its id."""
        config = {
            "CallerReference": secrets.token_hex(8),
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [{"Id": "bucket", "DomainName": "bucket.example.com"}]},
            "DefaultCacheBehavior": {"TargetOriginId": "bucket", "ViewerProtocolPolicy": "https-only"},
        }
        return self.client("cloudfront").create_distribution(DistributionConfig=config)["Distribution"]["Id"]

    def invalidations(self, distribution: str) -> list[dict]:
        """Return the paths and references of a distribution's invalidations."""
        cloudfront = self.client("cloudfront")
        listed = cloudfront.list_invalidations(DistributionId=distribution)["InvalidationList"]
        ids = [found["Id"] for found in listed.get("Items", ())]
        return [
            cloudfront.get_invalidation(DistributionId=distribution, Id=one)["Invalidation"][
                "InvalidationBatch"
            ]
            for one in ids
        ]

    def new_queue(self, **attributes) -> str:
        """Create a queue; return its URL."""
        name = f"orak-{secrets.token_hex(8)}"
        return self.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def arn(self, queue_url) -> str:
        request = {"QueueUrl": queue_url, "AttributeNames": ["QueueArn"]}
        return self.client("sqs").get_queue_attributes(**request)["Attributes"]["QueueArn"]

    def messages(self, queue_url) -> list[str]:
        """Receive and delete every message in the queue now."""
        bodies, sqs = [], self.client("sqs")
        while found := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                bodies.append(message["Body"])
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return bodies


@pytest.fixture(scope="session")
def aws_server():
    """Provide one server for all tests of this process, across modules."""
    server = _the_server()
    yield server
    server.kill()


@cache
def _the_server() -> AwsServer:
    return AwsServer()
