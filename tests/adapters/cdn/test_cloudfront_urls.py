from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from builders import START
from orak.adapters.cdn.cloudfront_urls import CloudFrontUrls, InvalidKeyPair
from orak.adapters.clock.frozen import FrozenClock
from orak.domain.identity import ObjectKey

BASE = "https://cdn.example.com/media"
KEY = ObjectKey("private/0c0f4a1e-6c7b-4f6e-9d5f-2f0b7b1f0a11/1_내_노래.m4a")
PATH = "private/0c0f4a1e-6c7b-4f6e-9d5f-2f0b7b1f0a11/1_%EB%82%B4_%EB%85%B8%EB%9E%98.m4a"


def pem(key, kind=PrivateFormat.TraditionalOpenSSL, protection=None):
    return key.private_bytes(Encoding.PEM, kind, protection or NoEncryption()).decode()


@pytest.fixture(scope="module")
def private_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
async def signing():
    """Sign a GET of `KEY` with a private key as the setting holds it."""
    async with AsyncExitStack() as stack:

        async def sign(given, life=timedelta(hours=1)):
            opening = CloudFrontUrls.open(BASE, "K2JCJMDEHXQW5F", given, FrozenClock(START))
            return (await stack.enter_async_context(opening)).sign_get(KEY, life=life)

        yield sign


async def test_a_signed_url_is_the_one_that_aws_itself_would_make(signing, private_key):
    signed = await signing(pem(private_key))

    def rsa_sha1(text):
        return private_key.sign(text, padding.PKCS1v15(), SHA1())  # noqa: S303 - CloudFront verifies SHA-1 only

    aws = CloudFrontSigner("K2JCJMDEHXQW5F", rsa_sha1)
    until = START + timedelta(hours=1)
    assert signed.url == aws.generate_presigned_url(f"{BASE}/{PATH}", date_less_than=until)
    assert (signed.method, signed.headers, signed.expires_at) == ("GET", {}, until)


async def test_a_url_expires_in_a_whole_second(signing, private_key):
    signed = await signing(pem(private_key), life=timedelta(seconds=1, milliseconds=700))
    assert signed.expires_at == datetime.fromtimestamp(int(START.timestamp()) + 1, UTC)
    assert f"Expires={int(signed.expires_at.timestamp())}&" in signed.url


async def test_the_key_may_be_a_text_a_line_or_a_file(signing, private_key, tmp_path):
    text = pem(private_key)
    file = tmp_path / "key.pem"
    file.write_text(pem(private_key, PrivateFormat.PKCS8))
    urls = [(await signing(given)).url for given in (text, text.replace("\n", "\\n"), str(file))]
    assert urls == urls[:1] * 3


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("no-such-file.pem", "FileNotFoundError"),
        (".", "IsADirectoryError"),
        ("-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----", "not a PEM private key"),
        (pem(rsa.generate_private_key(65537, 3072)), "not an RSA key of 2,048 bits"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "not an RSA key of 2,048 bits"),
        (
            pem(
                rsa.generate_private_key(65537, 2048), PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
            ),
            "has a passphrase",
        ),
    ],
    ids=["missing", "folder", "garbage", "long", "elliptic", "passphrase"],
)
async def test_a_key_that_cannot_sign_is_refused_without_showing_it(signing, given, reason):
    with pytest.raises(InvalidKeyPair, match=reason) as refused:
        await signing(given)
    assert "PRIVATE KEY-" not in str(refused.value)
    assert "openssl genrsa" in refused.value.hint
