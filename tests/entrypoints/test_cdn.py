"""A deleted record leaves CloudFront, and settings of CloudFront that cannot work are refused."""

import asyncio
import time

import httpx
import pytest
from msgspec.structs import replace

from audio_samples import chord, write
from aws_server import DEADLINE
from orak import Actor, NewRecord, NewUpload, Settings, UserId
from orak.domain.processing import ProcessingStatus
from orak.entrypoints.running import open_parts, run
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.sources import shown_value

OWNER = Actor(UserId(1))
CDN = "https://cdn.example.com"


async def test_the_copies_of_a_deleted_record_are_invalidated(aws_server, tmp_path):
    distribution = aws_server.new_distribution()
    settings = Settings(
        **aws_server.settings,
        data_dir=tmp_path / "data",
        s3_bucket_name=aws_server.new_bucket(),
        cdn_base_url=CDN,
        cloudfront_distribution_id=distribution,
    )
    content = write(tmp_path / "take.webm", chord(), 1.0).read_bytes()
    async with run(settings) as orak:
        cases = orak.use_cases
        signed = await cases.request_upload(OWNER, NewUpload("내 노래.webm", len(content), "audio/webm"))
        async with httpx.AsyncClient() as client:
            put = signed.request
            await client.request(put.method, put.url, content=content, headers=put.headers)
        created = await cases.create_record(OWNER, NewRecord("내 노래", signed.upload.id), wait=DEADLINE)
        upload = created.upload
        assert upload.status is ProcessingStatus.COMPLETED
        assert aws_server.invalidations(distribution) == []
        await cases.delete_record(OWNER, created.record.id)
        deadline = time.monotonic() + DEADLINE
        while not (batches := aws_server.invalidations(distribution)):
            assert time.monotonic() < deadline, "the deletion did not reach CloudFront"
            await asyncio.sleep(0.05)
    [batch] = batches
    name = "1_%EB%82%B4_%EB%85%B8%EB%9E%98"
    folder = f"/published/{upload.uuid}"
    assert batch["Paths"]["Items"] == [f"{folder}/{name}.json", f"{folder}/{name}.m4a"]


async def test_a_private_key_that_cannot_sign_is_named_and_never_shown(tmp_path):
    settings = Settings(cdn_base_url=CDN, cloudfront_key_id="K", cloudfront_private_key="/nowhere.pem")
    with pytest.raises(InvalidSetting, match="CLOUDFRONT_PRIVATE_KEY cannot be used: its file") as refused:
        async with open_parts(settings, "private_urls"):
            pass
    assert "openssl genrsa" in refused.value.hint
    with pytest.raises(InvalidSetting, match="CLOUDFRONT_PRIVATE_KEY cannot be used: its file"):
        async with run(replace(settings, data_dir=tmp_path)):
            pass
    assert shown_value("cloudfront_private_key", "-----BEGIN") == "********"
