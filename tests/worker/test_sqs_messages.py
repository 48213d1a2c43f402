import json

import pytest

from orak.entrypoints.worker.sqs_messages import (
    Ignored,
    MalformedMessage,
    MayHaveArrived,
    ObjectsArrived,
    WakeUp,
    parse_message,
)

BUCKET = "orak"
KEY = "recordings/0c0f4a1e-6c7b-4f6e-9d5f-2f0b7b1f0a11_노래 + 1%2B.webm"


ENCODED = "recordings/%EB%85%B8+%2B"


def s3_event(bucket=BUCKET, key=KEY, type_="Object Created"):
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "size": 3}}
    return json.dumps({"source": "aws.s3", "detail-type": type_, "detail": detail})


def notification(*records):
    return json.dumps(
        {
            "Records": [
                {
                    "eventSource": "aws:s3",
                    "eventName": event,
                    "s3": {"bucket": {"name": bucket}, "object": {"key": key}},
                }
                for event, bucket, key in records
            ]
        }
    )


def own_event(type_, status="UPLOADED", source="orak.recordings"):
    detail = {"uploadId": 7, "key": "recordings/0c0f4a1e-6c7b-4f6e-9d5f-2f0b7b1f0a11", "status": status}
    return json.dumps({"source": source, "detail-type": type_, "detail": detail})


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        (s3_event(), ObjectsArrived((KEY,))),
        (s3_event(key="recordings/a+b%20c"), ObjectsArrived(("recordings/a+b%20c",))),
        (notification(("ObjectCreated:Put", BUCKET, ENCODED)), ObjectsArrived(("recordings/노 +",))),
        (
            notification(
                ("s3:ObjectCreated:CompleteMultipartUpload", BUCKET, "recordings/a"),
                ("ObjectRemoved:Delete", BUCKET, "recordings/b"),
                ("ObjectCreated:Copy", "other", "recordings/c"),
                ("ObjectCreated:Post", BUCKET, "recordings/d"),
            ),
            ObjectsArrived(("recordings/a", "recordings/d")),
        ),
        (own_event("UploadReceived"), WakeUp()),
        (own_event("ProcessingRetried"), WakeUp()),
        (own_event("ProcessingReleased"), WakeUp()),
        (own_event("RecordCreated"), WakeUp()),
        (own_event("RecordCreated", "PENDING"), MayHaveArrived(7)),
        (own_event("RecordCreated", "EXPIRED"), MayHaveArrived(7)),
    ],
)  # fmt: skip
def test_the_handler_acts_on_a_relevant_message(body, meaning):
    assert parse_message(body, BUCKET) == meaning


@pytest.mark.parametrize(
    "body",
    [
        s3_event(bucket="other"),
        s3_event(key="published/0c0f4a1e-6c7b-4f6e-9d5f-2f0b7b1f0a11/1_take.m4a"),
        s3_event(type_="Object Deleted"),
        notification(("ObjectRemoved:Delete", BUCKET, "recordings/b")),
        notification(),
        own_event("ProcessingCompleted"),
        own_event("UnknownType"),
        own_event("UploadReceived", source="another.program"),
        '{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "orak"}',
        '{"source": ["list"], "detail-type": {"an": "object"}}',
        "{}",
    ],
)
def test_the_handler_ignores_an_irrelevant_message(body):
    assert isinstance(parse_message(body, BUCKET), Ignored)


def test_without_a_bucket_all_objects_are_ignored():
    assert isinstance(parse_message(s3_event(), None), Ignored)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "[]",
        '"text"',
        "null",
        "[" * 50_000,
        '{"source": "aws.s3", "detail-type": "Object Created"}',
        '{"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": "b", "object": "k"}}',
        s3_event(key=7),
        s3_event(bucket=None),
        '{"Records": 7}',
        '{"Records": [7]}',
        '{"Records": [{"eventSource": "aws:s3"}]}',
        notification(("ObjectCreated:Put", BUCKET, "recordings/%FF")),
        notification(("ObjectCreated:Put", BUCKET, None)),
        '{"source": "orak.recordings", "detail-type": "RecordCreated"}',
        own_event("RecordCreated", "ASLEEP"),
        own_event("RecordCreated", "PENDING").replace("7", '"7"'),
        '{"source": "orak.recordings", "detail-type": ["UploadReceived"]}',
    ],
)
def test_a_malformed_message_is_refused(body):
    with pytest.raises(MalformedMessage) as malformed:
        parse_message(body, BUCKET)
    assert KEY not in str(malformed.value)


def test_a_notification_from_s3_itself_has_its_key_decoded(aws_server):
    bucket, queue, s3 = aws_server.new_bucket(), aws_server.new_queue(), aws_server.client("s3")
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": aws_server.arn(queue), "Events": ["s3:ObjectCreated:*"]}]
        },
    )
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"x")
    assert ObjectsArrived((KEY,)) in [parse_message(body, bucket) for body in aws_server.messages(queue)]
