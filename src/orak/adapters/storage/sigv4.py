"""AWS Signature Version 4 in the query of a URL, as S3 wants it.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html. botocore makes the same text, to
the byte, in some thirty times the time: for each URL it resolves the endpoint, builds a request and derives
the day's key anew.
"""

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import quote, urlsplit

import msgspec

from orak.application.ports.clock import Clock

MAX_LIFE = timedelta(days=7)
"""S3 accepts no longer one."""

_ALGORITHM = "AWS4-HMAC-SHA256"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Credentials(msgspec.Struct, frozen=True):
    """Who signs. A URL dies with the temporary credentials that signed it, whatever life it was given."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        return "<credentials>"  # no log shall show them


class SignedUrl(msgspec.Struct, frozen=True):
    """A URL, and when it dies."""

    url: str
    expires_at: datetime


class _Day(msgspec.Struct, frozen=True):
    """What all URLs that are signed on one day by the same credentials share."""

    date: str
    credentials: Credentials
    scope: str
    key: bytes
    credential: str
    token: str


class QuerySigner:
    """Signs requests to one bucket."""

    def __init__(self, bucket_url: str, region: str, credentials: Credentials, clock: Clock) -> None:
        parts = urlsplit(bucket_url)
        self._base = bucket_url.rstrip("/")
        self._path = parts.path.rstrip("/")
        self._host = _host(bucket_url)
        self._region = region
        self._clock = clock
        self.credentials = credentials
        """May be exchanged at any time; what was signed before stays as it is."""
        self._day: _Day | None = None

    def sign(self, method: str, key: str, headers: Mapping[str, str], *, life: timedelta) -> SignedUrl:
        """Sign a request for *key* that will come with these *headers*, whatever its body is."""
        seconds = int(life.total_seconds())
        if not 0 < seconds <= MAX_LIFE.total_seconds():
            raise ValueError("S3 wants URLs that live for between a second and seven days")
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
            before + day.token + signed,  # in the order of the names, unlike the URL
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
    """What a client will send as Host: the port only where it is not the scheme's own."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in {None, _DEFAULT_PORTS.get(parts.scheme)} else f"{host}:{parts.port}"


def _quoted(text: str) -> str:
    return quote(text, safe="")
