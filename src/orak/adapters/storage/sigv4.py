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
_DAY_SECONDS = 86_400
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
    key: hmac.HMAC
    """It has read nothing yet; a copy of it takes a fraction of the time of a new one."""
    credential: str
    token: str


class _Form(msgspec.Struct, frozen=True):
    """The parts shared by all URLs of one second that have the same life and sign the same headers."""

    names: tuple[tuple[str, str], ...]
    """The signed headers in their order: the name in lower case, and as given."""
    canonical_query: str
    canonical_end: str
    to_sign: str
    query: str
    expires_at: datetime


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
        self._second: datetime | None = None
        self._forms: dict[tuple[int, tuple[str, ...]], _Form] = {}
        """Of `_second` and the credentials of `_day`."""

    def sign(self, method: str, key: str, headers: Mapping[str, str], *, life: timedelta) -> SignedUrl:
        """Sign a request for *key* with these *headers* and any body."""
        second = self._clock.now().replace(microsecond=0)
        day = self._day
        if day is None or second != self._second or day.credentials is not self.credentials:
            day = self._begin(second)
        kind = life.days * _DAY_SECONDS + life.seconds, tuple(headers)
        form = self._forms.get(kind)
        if form is None:
            form = self._forms[kind] = self._new_form(day, second, *kind)
        path = f"/{quote(key)}"
        values = {"host": self._host, **headers}
        lines = "".join([f"{name}:{' '.join(values[given].split())}\n" for name, given in form.names])
        request = f"{method}\n{self._path}{path}\n{form.canonical_query}\n{lines}{form.canonical_end}"
        signature = day.key.copy()
        signature.update(f"{form.to_sign}{sha256(request.encode()).hexdigest()}".encode())
        return SignedUrl(f"{self._base}{path}{form.query}{signature.hexdigest()}", form.expires_at)

    def _begin(self, second: datetime) -> _Day:
        """Forget the forms of the last second, and return the day of this one."""
        self._second = second
        self._forms = {}
        date, credentials = f"{second:%Y%m%d}", self.credentials
        day = self._day
        if day is None or day.date != date or day.credentials is not credentials:
            scope = f"{date}/{self._region}/s3/aws4_request"
            key = b"AWS4" + credentials.secret_key.encode()
            for part in scope.split("/"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day = day = _Day(
                date,
                credentials,
                scope,
                hmac.new(key, digestmod=sha256),
                _quoted(f"{credentials.access_key}/{scope}"),
                f"&X-Amz-Security-Token={_quoted(credentials.token)}" if credentials.token else "",
            )
        return day

    def _new_form(self, day: _Day, second: datetime, seconds: int, given: tuple[str, ...]) -> _Form:
        if not 0 < seconds <= MAX_LIFE.total_seconds():
            raise ValueError("the life of a signed URL must be between one second and seven days")
        stamp = f"{second:%Y%m%dT%H%M%SZ}"
        names = sorted((name.lower(), name) for name in ("host", *given))
        before = (
            f"X-Amz-Algorithm={_ALGORITHM}&X-Amz-Credential={day.credential}"
            f"&X-Amz-Date={stamp}&X-Amz-Expires={seconds}"
        )
        signed = f"&X-Amz-SignedHeaders={'%3B'.join(name for name, _ in names)}"
        return _Form(
            names=tuple(names),
            canonical_query=before + day.token + signed,  # sorted by name here, unlike in the URL
            canonical_end=f"\n{';'.join(name for name, _ in names)}\nUNSIGNED-PAYLOAD",
            to_sign=f"{_ALGORITHM}\n{stamp}\n{day.scope}\n",
            query=f"?{before}{signed}{day.token}&X-Amz-Signature=",
            expires_at=second + timedelta(seconds=seconds),
        )


def _host(url: str) -> str:
    """Return the Host header that a client sends, without a default port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in {None, _DEFAULT_PORTS.get(parts.scheme)} else f"{host}:{parts.port}"


def _quoted(text: str) -> str:
    return quote(text, safe="")
