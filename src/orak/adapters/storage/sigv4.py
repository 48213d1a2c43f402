"""AWS Signature Version 4 in the query of a URL, as S3 requires it.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html. botocore makes the same URLs, to
the byte, but takes some thirty times as long: for each URL it resolves the endpoint, builds a request and
derives the key of the day again.
"""

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Self
from urllib.parse import quote, urlsplit

import msgspec

from orak.application.ports.clock import Clock

MAX_LIFE = timedelta(days=7)
"""The longest life that S3 accepts for a signed URL."""

_ALGORITHM = "AWS4-HMAC-SHA256"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Credentials(msgspec.Struct, frozen=True):
    """AWS credentials; a URL signed with temporary ones expires with them."""

    access_key: str
    secret_key: str
    token: str | None = None

    @classmethod
    def given(cls, access_key: str | None, secret_key: str | None, token: str | None) -> Self | None:
        """Return the configured credentials; None leaves them to the AWS chain."""
        return None if access_key is None or secret_key is None else cls(access_key, secret_key, token)

    def __repr__(self) -> str:
        return "<credentials>"  # keeps them out of logs


class SignedUrl(msgspec.Struct, frozen=True):
    """A signed URL and its expiry."""

    url: str
    expires_at: datetime


class _Day(msgspec.Struct, frozen=True):
    """The parts shared by all URLs that the same credentials sign on one day."""

    date: str
    credentials: Credentials
    scope: str
    key: bytes
    credential: str
    token: str


class QuerySigner:
    """Signer of requests to one bucket."""

    def __init__(self, bucket_url: str, region: str, credentials: Credentials, clock: Clock) -> None:
        parts = urlsplit(bucket_url)
        self._base = bucket_url.rstrip("/")
        self._path = parts.path.rstrip("/")
        self._host = _host(bucket_url)
        self._region = region
        self._clock = clock
        self.credentials = credentials
        """Can be replaced at any time; URLs signed before stay valid."""
        self._day: _Day | None = None

    def sign(self, method: str, key: str, headers: Mapping[str, str], *, life: timedelta) -> SignedUrl:
        """Sign a request for *key* with these *headers* and any body."""
        seconds = int(life.total_seconds())
        if not 0 < seconds <= MAX_LIFE.total_seconds():
            raise ValueError("the life of a signed URL must be between one second and seven days")
        now = self._clock.now()
        stamp = f"{now:%Y%m%dT%H%M%SZ}"
        day = self._day_of(stamp[:8])
        bound = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
        bound["host"] = self._host
        names = sorted(bound)
        before = (
            f"X-Amz-Algorithm={_ALGORITHM}&X-Amz-Credential={day.credential}"
            f"&X-Amz-Date={stamp}&X-Amz-Expires={seconds}"
        )
        signed = f"&X-Amz-SignedHeaders={'%3B'.join(names)}"
        path = "/" + quote(key)
        lines = [
            method,
            self._path + path,
            before + day.token + signed,  # sorted by name here, unlike in the URL
            *(f"{name}:{bound[name]}" for name in names),
            "",
            ";".join(names),
            "UNSIGNED-PAYLOAD",
        ]
        digest = sha256("\n".join(lines).encode()).hexdigest()
        text = f"{_ALGORITHM}\n{stamp}\n{day.scope}\n{digest}"
        signature = hmac.digest(day.key, text.encode(), "sha256").hex()
        url = f"{self._base}{path}?{before}{signed}{day.token}&X-Amz-Signature={signature}"
        return SignedUrl(url, now.replace(microsecond=0) + timedelta(seconds=seconds))

    def _day_of(self, date: str) -> _Day:
        day, credentials = self._day, self.credentials
        if day is None or day.date != date or day.credentials is not credentials:
            scope = f"{date}/{self._region}/s3/aws4_request"
            key = b"AWS4" + credentials.secret_key.encode()
            for part in scope.split("/"):
                key = hmac.digest(key, part.encode(), "sha256")
            token = f"&X-Amz-Security-Token={_quoted(credentials.token)}" if credentials.token else ""
            self._day = day = _Day(
                date, credentials, scope, key, _quoted(f"{credentials.access_key}/{scope}"), token
            )
        return day


def _host(url: str) -> str:
    """Return the Host header that a client sends, without a default port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in {None, _DEFAULT_PORTS.get(parts.scheme)} else f"{host}:{parts.port}"


def _quoted(text: str) -> str:
    return quote(text, safe="")
