"""Checks of single settings and of settings that depend on each other; each names the setting to change."""

import re
from collections.abc import Iterable
from importlib.util import find_spec
from urllib.parse import urlsplit

from orak.adapters.persistence.sql.postgresql_url import PostgresqlUrl
from orak.adapters.redis.sentinel_url import SentinelUrl
from orak.domain.webhooks import url_problem

MEMORY = "memory:"
"""The value of DATABASE_URL or ORAK_DATA_DIR that keeps everything in the process."""


_OWN_PATHS = {"batch", "client", "docs", "health", "listen", "media", "metrics", "openapi.json"}
_OWN_PATHS |= {"operator", "records", "static", "storage"}
"""The first segments of the paths of orak."""

_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")


class InvalidSetting(Exception):
    """A setting that cannot be used: which one and why; `hint` says what is accepted."""

    def __init__(self, name: str, problem: str, hint: str) -> None:
        super().__init__(f"{name} {problem}")
        self.hint = hint


def check_heartbeat(heartbeat_seconds: int, lease_seconds: int) -> None:
    """Require that a lease outlives two heartbeats."""
    if heartbeat_seconds * 2 > lease_seconds:
        raise InvalidSetting(
            "HEARTBEAT_SECONDS",
            f"is {heartbeat_seconds}, with LEASE_SECONDS {lease_seconds}",
            "a lease must outlive two heartbeats: use at most half of LEASE_SECONDS",
        )


def check_one_key_source(jwt_secret: str | None, jwks_url: str | None) -> None:
    """Refuse a secret beside a key set: a token is signed by one of them."""
    if jwt_secret and jwks_url:
        raise InvalidSetting("JWT_SECRET", "is set beside JWKS_URL", "keep the one that signs your tokens")


def check_pair(first: str, first_value: object, second: str, second_value: object) -> None:
    """Require both settings or neither."""
    if (first_value is None) != (second_value is None):
        missing, given = (second, first) if second_value is None else (first, second)
        raise InvalidSetting(missing, f"is not set, but {given} is", "set both, or neither")


def check_cloudfront(cdn_base_url: str | None, **given: str | None) -> None:
    """Require the URL of the CDN beside the settings of CloudFront."""
    for name, value in given.items():
        if value is not None and cdn_base_url is None:
            raise InvalidSetting(
                "CDN_BASE_URL",
                f"is not set, but {name} is",
                "set it to the URL of the distribution, such as https://d111111abcdef8.cloudfront.net",
            )


def check_webhook_url(url: str | None) -> None:
    """Require a URL that events can be posted to."""
    if url is not None and url_problem(url):
        raise InvalidSetting(
            "WEBHOOK_URL", "is not a URL to post to", "use a URL such as https://app.example.com/orak"
        )


def check_server_url(name: str, url: str | None, example: str) -> None:
    """Require an http or https URL with a host."""
    if url is not None and not _is_url(url):
        raise InvalidSetting(name, "is not the URL of a server", f"use a URL such as {example}")


def check_base_url(name: str, url: str | None, example: str) -> None:
    """Require a URL that paths can be appended to."""
    check_server_url(name, url, example)
    if url is not None and not url.isascii():
        raise InvalidSetting(
            name, "is not ASCII", f"write the host in Punycode, and use a URL such as {example}"
        )
    if url is not None and (urlsplit(url).query or urlsplit(url).fragment or url[-1] in "?#"):
        raise InvalidSetting(name, "has a query or a fragment", f"use a URL such as {example}")


def check_base_path(path: str) -> None:
    """Require a path for PUBLIC_URL that no URL of orak begins with: a proxy may strip it or pass it on."""
    if path.strip("/").partition("/")[0] in _OWN_PATHS or not _PLAIN_PATH.fullmatch(path):
        raise InvalidSetting(
            "PUBLIC_URL",
            f"has the path {path}, which cannot be told from a path of orak",
            "use another path, such as https://example.com/orak; letters, digits and -._~ are allowed in it",
        )


def check_jwks_url(location: str | None) -> None:
    """Require a URL, or the path of a file."""
    if location is not None and "://" in location and not location.startswith("file://"):
        check_server_url("JWKS_URL", location, "https://id.example.com/jwks.json")


def check_origins(origins: Iterable[str]) -> None:
    """Require origins as browsers send them in `Origin` (RFC 6454 §7), or `*`."""
    for origin in origins:
        if origin != "*" and not _is_origin(origin):
            raise InvalidSetting(
                "CORS_ORIGINS",
                f"holds {origin!r}, which is not an origin",
                "use origins such as https://app.example.com, without a path or trailing slash, or *",
            )


def check_redis_url(url: str | None) -> None:
    """Require a URL with one of Redis's schemes."""
    if url is not None and not _is_redis(url):
        raise InvalidSetting(
            "REDIS_URL",
            "is not the URL of a Redis server",
            "use a URL such as redis://host:6379/0, rediss://…, unix:///path or "
            "redis+sentinel://host:26379,host:26379/service/0",
        )


def check_database_url(url: str) -> None:
    """Require a database that orak supports, and its driver."""
    if url == MEMORY or url.startswith("sqlite:///"):
        return
    if not url.startswith(("postgresql://", "postgres://")):
        raise InvalidSetting(
            "DATABASE_URL",
            "names a database that orak does not support",
            f"use sqlite:///path/to/orak.db, postgresql://user:password@host/database or {MEMORY}",
        )
    if find_spec("asyncpg") is None:
        raise InvalidSetting(
            "DATABASE_URL",
            "needs PostgreSQL's driver, which is not installed",
            "pip install 'orak[postgresql]'",
        )
    try:
        PostgresqlUrl.parse(url)
    except ValueError as error:
        raise InvalidSetting(
            "DATABASE_URL",
            f"cannot be used: {error}",
            "use a URL such as postgresql://user:password@host/database; docs/guides/postgresql.md has more",
        ) from error


def _is_origin(url: str) -> bool:
    return _is_url(url) and url == "{0.scheme}://{0.netloc}".format(urlsplit(url)) and "@" not in url


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is not a number
        return False


def _is_redis(url: str) -> bool:
    try:
        if SentinelUrl.parse(url) is not None:
            return True
        parts = urlsplit(url)
        if parts.scheme == "unix":
            return bool(parts.path)
        return parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is not a number
        return False
