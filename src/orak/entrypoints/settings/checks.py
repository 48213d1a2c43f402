"""Which settings cannot be used, alone or together."""

from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orak.domain.webhooks import url_problem

if TYPE_CHECKING:
    from orak.entrypoints.settings.values import Settings


class InvalidSetting(Exception):
    """One setting cannot be used; says which, why, and what would do."""

    def __init__(self, name: str, problem: str, hint: str) -> None:
        super().__init__(f"{name} {problem}")
        self.hint = hint


def check_together(settings: "Settings") -> None:
    """Raise `InvalidSetting` for what cannot work."""
    if settings.heartbeat_seconds * 2 > settings.lease_seconds:
        raise InvalidSetting(
            "HEARTBEAT_SECONDS",
            f"is {settings.heartbeat_seconds}, with LEASE_SECONDS {settings.lease_seconds}",
            "a lease should outlive two heartbeats: use at most half of LEASE_SECONDS",
        )
    if settings.jwt_secret and settings.jwks_url:
        raise InvalidSetting(
            "JWT_SECRET", "is set beside JWKS_URL", "keep the one by which your tokens are signed"
        )
    if (settings.aws_access_key_id is None) != (settings.aws_secret_access_key is None):
        lacking = "AWS_SECRET_ACCESS_KEY" if settings.aws_access_key_id else "AWS_ACCESS_KEY_ID"
        raise InvalidSetting(lacking, "is not set, and the other half of the key is", "set both, or neither")
    if (settings.webhook_url is None) != (settings.webhook_secret is None):
        lacking = "WEBHOOK_SECRET" if settings.webhook_url else "WEBHOOK_URL"
        raise InvalidSetting(
            lacking, "is not set, and the other half of the webhook is", "set both, or neither"
        )
    if settings.webhook_url is not None and url_problem(settings.webhook_url):
        raise InvalidSetting(
            "WEBHOOK_URL", "is no URL to post to", "use the like of https://app.example.com/orak"
        )
    _check_urls(settings)
    if settings.redis_url is not None and not _is_redis(settings.redis_url):
        raise InvalidSetting(
            "REDIS_URL",
            "is no URL of a Redis",
            "use the like of redis://host:6379/0, rediss://… or unix:///path",
        )
    if not settings.database.startswith(("sqlite:///", "postgresql://", "postgres://")):
        raise InvalidSetting(
            "DATABASE_URL",
            "is not of a database that orak can use",
            "use sqlite:///path/to/orak.db or postgresql://user:password@host/database",
        )
    if not settings.on_sqlite and find_spec("asyncpg") is None:
        raise InvalidSetting(
            "DATABASE_URL",
            "is of PostgreSQL, and its driver is not installed",
            "pip install 'orak[postgresql]'",
        )


def _check_urls(settings: "Settings") -> None:
    jwks_url = settings.jwks_url if "://" in (settings.jwks_url or "") else None  # else it names a file
    if jwks_url is not None and jwks_url.startswith("file://"):
        jwks_url = None
    for name, url, example in (
        ("PUBLIC_URL", settings.public_url, "https://orak.example.com"),
        ("CDN_BASE_URL", settings.cdn_base_url, "https://cdn.example.com"),
        ("JWKS_URL", jwks_url, "https://id.example.com/jwks.json"),
        ("S3_ENDPOINT_URL", settings.s3_endpoint_url, "https://s3.example.com:9000"),
        ("AWS_ENDPOINT_URL", settings.aws_endpoint_url, "https://aws.example.com:4566"),
        ("SQS_QUEUE_URL", settings.sqs_queue_url, "https://sqs.eu-west-1.amazonaws.com/123456789012/name"),
    ):
        if url is not None and not _is_url(url):
            raise InvalidSetting(name, "is no URL of a server", f"use the like of {example}")
    for origin in settings.cors_origins:
        if origin != "*" and not _is_origin(origin):
            raise InvalidSetting(
                "CORS_ORIGINS",
                f"holds {origin!r}, which is no origin",
                "use the like of https://app.example.com, without a path or a slash at the end, or *",
            )


def _is_origin(url: str) -> bool:
    """Whether *url* is scheme, host and perhaps port, as browsers send it in `Origin` (RFC 6454 §7)."""
    return _is_url(url) and url == "{0.scheme}://{0.netloc}".format(urlsplit(url)) and "@" not in url


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        return False


def _is_redis(url: str) -> bool:
    try:
        parts = urlsplit(url)
        if parts.scheme == "unix":
            return bool(parts.path)
        return parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        return False
