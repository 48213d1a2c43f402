"""The query signer produces the same bytes as botocore."""

import string
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.storage.s3_bucket import Bucket, BucketSettings
from orak.adapters.storage.sigv4 import Credentials, QuerySigner

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjE//////////wEaCXVz+LWVhc3Q=="

BUCKETS = [
    ("https://orak-takes.s3.ap-northeast-2.amazonaws.com", "ap-northeast-2", None, "virtual"),
    ("https://orak-takes.s3.amazonaws.com", "us-east-1", None, "virtual"),
    ("https://s3.eu-west-1.amazonaws.com/orak-takes", "eu-west-1", None, "path"),
    ("https://orak-takes.s3.cn-north-1.amazonaws.com.cn", "cn-north-1", None, "virtual"),
    ("http://127.0.0.1:9000/orak-takes", "us-east-1", "http://127.0.0.1:9000", "path"),
    ("http://[::1]:9000/orak-takes", "us-east-1", "http://[::1]:9000", "path"),
    ("https://s3.example.com:8443/base/orak-takes", "here", "https://s3.example.com:8443/base", "path"),
    ("https://orak-takes.s3.example.com:8443", "here", "https://s3.example.com:8443", "virtual"),
    ("https://s3.example.com:443/orak-takes", "here", "https://s3.example.com:443", "path"),
]
"""URL of the bucket, region, endpoint, addressing style."""

KEYS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60),
    st.text("가노래 +()!*'~%/.-_=&?#;:@$,\u00e9\U0001f3a4\n", min_size=1, max_size=60),
).filter(lambda key: not key.startswith("/"))
TYPES = st.text(string.ascii_letters + string.digits + "/;=+.- \"'", min_size=1, max_size=60).filter(
    str.strip
)
LIVES = st.integers(1, 604_800).map(lambda seconds: timedelta(seconds=seconds))


@cache
def botocore_client(region, endpoint, style, token):
    return boto3.client(
        "s3",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key=SECRET,
        aws_session_token=token,
        config=Config(signature_version="s3v4", s3={"addressing_style": style}),
    )


def at(url: str) -> datetime:
    stamp = parse_qs(urlsplit(url).query)["X-Amz-Date"][0]
    return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def signed_by_botocore(bucket, token, operation, life, **parameters) -> str:
    _, region, endpoint, style = bucket
    client = botocore_client(region, endpoint, style, token)
    return client.generate_presigned_url(
        operation,
        Params={"Bucket": "orak-takes", **parameters},
        ExpiresIn=int(life.total_seconds()),
    )


CREDENTIALS = {token: Credentials("AKIDEXAMPLE", SECRET, token) for token in (None, TOKEN)}


@cache
def kept_signer(base, region) -> tuple[QuerySigner, FrozenClock]:
    clock = FrozenClock()
    return QuerySigner(base, region, CREDENTIALS[None], clock), clock


def signer(bucket, token, url) -> QuerySigner:
    """Return the signer of the bucket, which has signed other URLs before, at the time of *url*."""
    base, region, *_ = bucket
    signer, clock = kept_signer(base, region)
    signer.credentials = CREDENTIALS[token]
    clock.advance(at(url) - clock.now())
    return signer


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(BUCKETS), st.sampled_from([None, TOKEN]), KEYS, TYPES, st.integers(0, 2**40), LIVES,
       st.booleans())  # fmt: skip
def test_a_put_is_signed_as_botocore_signs_it(bucket, token, key, content_type, size, life, create_only):
    only = {"IfNoneMatch": "*"} if create_only else {}
    url = signed_by_botocore(
        bucket, token, "put_object", life, Key=key, ContentType=content_type, ContentLength=size, **only
    )
    headers = {"Content-Type": content_type, "Content-Length": str(size)}
    if create_only:
        headers["If-None-Match"] = "*"
    signed = signer(bucket, token, url).sign("PUT", key, headers, life=life)
    assert signed.url == url
    assert signed.expires_at == at(url) + life


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(BUCKETS), st.sampled_from([None, TOKEN]), KEYS, LIVES)
def test_a_get_and_a_head_are_signed_as_botocore_signs_them(bucket, token, key, life):
    for method in ("get", "head"):
        url = signed_by_botocore(bucket, token, f"{method}_object", life, Key=key)
        assert signer(bucket, token, url).sign(method.upper(), key, {}, life=life).url == url


def test_the_cached_key_follows_the_day_and_the_credentials():
    clock = FrozenClock(datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
    first, second = Credentials("A", "a"), Credentials("B", "b", "t")

    def fresh(credentials):
        return QuerySigner("https://b.example", "here", credentials, clock).sign("GET", "k", {}, life=life)

    life = timedelta(minutes=1)
    reused = QuerySigner("https://b.example", "here", first, clock)
    for credentials in (first, second, first):
        reused.credentials = credentials
        assert reused.sign("GET", "k", {}, life=life) == fresh(credentials)
    clock.advance(timedelta(seconds=1))
    assert reused.sign("GET", "k", {}, life=life) == fresh(first)
    assert "20270101" in reused.sign("GET", "k", {}, life=life).url


@pytest.mark.parametrize("seconds", [0, -1, 604_801])
def test_a_url_lifetime_that_s3_would_refuse_raises_an_error(seconds):
    with pytest.raises(ValueError, match="between one second and seven days"):
        QuerySigner("https://b.example", "here", Credentials("A", "a"), FrozenClock()).sign(
            "GET", "k", {}, life=timedelta(seconds=seconds)
        )


def test_the_text_of_credentials_hides_the_secret():
    assert "hush" not in f"{Credentials('A', 'hush', 'hush')!r} {Credentials('A', 'hush')}"


@pytest.mark.parametrize(
    ("bucket", "expected"),
    [
        (BucketSettings("takes", "eu-west-1"), "https://takes.s3.eu-west-1.amazonaws.com"),
        (BucketSettings("takes"), "https://takes.s3.amazonaws.com"),
        (BucketSettings("my.takes", "eu-west-1"), "https://s3.eu-west-1.amazonaws.com/my.takes"),
        (BucketSettings("takes", "here", "http://127.0.0.1:9000"), "http://127.0.0.1:9000/takes"),
        (
            BucketSettings("takes", "here", "https://s3.example.com/", "virtual"),
            "https://takes.s3.example.com",
        ),
    ],
)
async def test_urls_point_to_the_same_bucket_address_as_botocore(monkeypatch, tmp_path, bucket, expected):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "A")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    # Closed before its task asks AWS for this bucket.
    async with Bucket.open(bucket, FrozenClock()) as opened:
        url = opened.signer.sign("GET", "k", {}, life=timedelta(minutes=1)).url
    assert url.startswith(f"{expected}/k?")
    assert f"%2F{bucket.region or 'us-east-1'}%2Fs3%2F" in url
