"""What orak can be told, and by whom: flag over environment over `.env` over default."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Literal, Self, Union, cast, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from dotenv import dotenv_values
from msgspec import Meta

from orak.domain.audio import AudioProfile
from orak.domain.webhooks import url_problem

_PREFIX = "ORAK_"

_ONLY_PREFIXED = frozenset({"data_dir", "db_auto_upgrade", "host", "port"})
"""Settings whose plain name would be somebody else's: HOST and PORT are in many environments."""

_SECRET = frozenset({"jwt_secret", "webhook_secret", "aws_secret_access_key", "aws_session_token"})

_LATER = {
    "CLOUDFRONT_KEY_ID": "signing for CloudFront",
    "CLOUDFRONT_PRIVATE_KEY": "signing for CloudFront",
    "QUOTA_BYTES_PER_DAY": "quota",
    "QUOTA_WAITING_TAKES": "quota",
    "RATE_LIMIT_PRESIGNS_PER_MINUTE": "rate limit",
    "BACKLOG_LIMIT": "limit of the backlog",
}
"""Settings of what this release lacks: ignored, they would put data elsewhere, or lift a limit."""

Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]


class InvalidSetting(Exception):
    """One setting cannot be used; says which, why, and what would do."""

    def __init__(self, name: str, problem: str, hint: str) -> None:
        super().__init__(f"{name} {problem}")
        self.hint = hint


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting, with the default that makes orak run on one machine with nothing installed."""

    host: Annotated[str, Meta(description="address that `serve` listens on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="port that `serve` listens on")] = 8000
    data_dir: Annotated[Path, Meta(description="folder of the database, the objects and the keys")] = Path(
        "orak-data"
    )
    database_url: Annotated[
        str | None, Meta(description="SQLite file or PostgreSQL URL; default <data dir>/orak.db")
    ] = None
    db_auto_upgrade: Annotated[
        bool, Meta(description="switch of migrations at start; SQLite migrates by itself")
    ] = False
    public_url: Annotated[str | None, Meta(description="URL where clients reach orak; default host:port")] = (
        None
    )
    cdn_base_url: Annotated[
        str | None, Meta(description="URL of the public objects; default <public url>/media")
    ] = None
    s3_bucket_name: Annotated[str | None, Meta(description="bucket of the objects; default local disk")] = (
        None
    )
    s3_region: Annotated[
        str | None, Meta(description="region of the bucket; default as in the AWS tools")
    ] = None
    s3_endpoint_url: Annotated[str | None, Meta(description="URL of a store that is not AWS")] = None
    s3_addressing_style: Annotated[
        Literal["auto", "path", "virtual"],
        Meta(description="place of the bucket's name in URLs; auto is the host on AWS, else the path"),
    ] = "auto"
    aws_access_key_id: Annotated[str | None, Meta(description="AWS key; default the usual AWS chain")] = None
    aws_secret_access_key: Annotated[str | None, Meta(description="secret of the AWS key")] = None
    aws_session_token: Annotated[str | None, Meta(description="token of a temporary AWS key")] = None
    aws_region: Annotated[
        str | None,
        Meta(description="region of bus and queue; default S3_REGION, else as in the AWS tools"),
    ] = None
    aws_endpoint_url: Annotated[
        str | None, Meta(description="URL of servers in place of AWS; a bucket's own comes first")
    ] = None
    eventbridge_bus_name: Annotated[
        str | None, Meta(description="bus that facts are published on; default none")
    ] = None
    eventbridge_rule_name: Annotated[
        str | None, Meta(description="rule from the bus to the queue, for `aws setup`")
    ] = None
    sqs_queue_url: Annotated[
        str | None, Meta(description="queue of the events that start work; default none")
    ] = None
    redis_url: Annotated[
        str | None, Meta(description="URL of the Redis between processes; default none, all in one process")
    ] = None
    jwt_secret: Annotated[str | None, Meta(description="HS256 secret of the tokens")] = None
    jwks_url: Annotated[str | None, Meta(description="URL or file of the tokens' public keys")] = None
    jwt_issuer: Annotated[str | None, Meta(description="`iss` that tokens must have")] = None
    jwt_audience: Annotated[str | None, Meta(description="`aud` that tokens must have")] = None
    jwt_algorithms: Annotated[
        tuple[str, ...], Meta(description="list of allowed algorithms; default by kind of key")
    ] = ()
    batch_enabled: Annotated[
        bool, Meta(description="switch of batches; without them only events start background conversion")
    ] = True
    batch_size: Annotated[
        int, Meta(ge=1, le=1000, description="number of takes that one look-up may start")
    ] = 50
    batch_interval_ms: Annotated[Positive, Meta(description="time between look-ups of waiting takes")] = (
        30_000
    )
    batch_max_concurrent: Annotated[
        Positive, Meta(description="number of background conversions at once, at most one a core")
    ] = 10
    sweep_interval_ms: Annotated[Positive, Meta(description="time between looks for stuck rows")] = 5_000
    presign_ttl_seconds: Annotated[int, Meta(ge=1, le=604_800, description="life of an upload URL")] = 900
    max_upload_bytes: Annotated[Positive, Meta(description="size of the largest upload")] = 200 * 2**20
    max_duration_seconds: Annotated[Positive, Meta(description="length of the longest take")] = 3600
    immediate_wait_ms: Annotated[
        int, Meta(ge=0, le=10_000, description="time a create call waits for its conversion")
    ] = 300
    immediate_slots: Annotated[
        Natural | None, Meta(description="number of takes converted inside create calls; default cores - 1")
    ] = None
    audio_profile: Annotated[AudioProfile, Meta(description="format that takes are converted to")] = (
        AudioProfile.AAC_128
    )
    lease_seconds: Annotated[Positive, Meta(description="time a silent worker keeps its take")] = 30
    heartbeat_seconds: Annotated[Positive, Meta(description="time between renewals of a lease")] = 10
    webhook_url: Annotated[str | None, Meta(description="URL that is told of every event")] = None
    webhook_secret: Annotated[str | None, Meta(description="secret that signs what is sent there")] = None
    webhook_allow_private: Annotated[
        bool, Meta(description="switch that lets webhooks lead into your own network: for development")
    ] = False
    events_retention_days: Annotated[
        Natural, Meta(description="number of days that facts are kept; 0 keeps them for ever")
    ] = 0
    orphan_retention_hours: Annotated[Positive, Meta(description="life of an upload that nobody names")] = 24
    cors_origins: Annotated[
        tuple[str, ...], Meta(description="list of web origins whose pages may call the API")
    ] = ()
    log_format: Annotated[Literal["text", "json"], Meta(description="form of the log")] = "text"

    @property
    def base_url(self) -> str:
        """Where clients reach orak, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host  # RFC 3986 §3.2.2
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def media_url(self) -> str:
        """Under this the public objects are, without a slash at the end."""
        return (self.cdn_base_url or f"{self.base_url}/media").rstrip("/")

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'orak.db').absolute()}"

    @property
    def on_sqlite(self) -> bool:
        """Whether the database is a file of this machine's."""
        return self.database.startswith("sqlite:")

    @property
    def cores(self) -> int:
        """How many conversions this machine can run at once."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    @property
    def slots(self) -> int:
        """How many conversions may start inside a create call; 0: all are queued."""
        return max(1, self.cores - 1) if self.immediate_slots is None else self.immediate_slots

    @property
    def retention_of_events(self) -> timedelta | None:
        """For how long facts are kept; None: for ever."""
        return timedelta(days=self.events_retention_days) if self.events_retention_days else None

    @property
    def workers(self) -> int:
        """How many conversions may run in the background of one process at once."""
        return min(self.batch_max_concurrent, self.cores) if self.converts_in_background else 0

    @property
    def converts_in_background(self) -> bool:
        """Whether anything starts conversions in the background: batches, or events from the queue."""
        return self.batch_enabled or self.sqs_queue_url is not None

    def __post_init__(self) -> None:
        """Refuse combinations that cannot work."""
        if self.heartbeat_seconds * 2 > self.lease_seconds:
            raise InvalidSetting(
                "HEARTBEAT_SECONDS",
                f"is {self.heartbeat_seconds}, with LEASE_SECONDS {self.lease_seconds}",
                "a lease should outlive two heartbeats: use at most half of LEASE_SECONDS",
            )
        if self.jwt_secret and self.jwks_url:
            raise InvalidSetting(
                "JWT_SECRET", "is set beside JWKS_URL", "keep the one by which your tokens are signed"
            )
        if (self.aws_access_key_id is None) != (self.aws_secret_access_key is None):
            lacking = "AWS_SECRET_ACCESS_KEY" if self.aws_access_key_id else "AWS_ACCESS_KEY_ID"
            raise InvalidSetting(
                lacking, "is not set, and the other half of the key is", "set both, or neither"
            )
        if (self.webhook_url is None) != (self.webhook_secret is None):
            lacking = "WEBHOOK_SECRET" if self.webhook_url else "WEBHOOK_URL"
            raise InvalidSetting(
                lacking, "is not set, and the other half of the webhook is", "set both, or neither"
            )
        if self.webhook_url is not None and url_problem(self.webhook_url):
            raise InvalidSetting(
                "WEBHOOK_URL", "is no URL to post to", "use the like of https://app.example.com/orak"
            )
        self._check_urls()
        if self.redis_url is not None and not _is_redis(self.redis_url):
            raise InvalidSetting(
                "REDIS_URL",
                "is no URL of a Redis",
                "use the like of redis://host:6379/0, rediss://… or unix:///path",
            )
        if not self.database.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise InvalidSetting(
                "DATABASE_URL",
                "is not of a database that orak can use",
                "use sqlite:///path/to/orak.db or postgresql://user:password@host/database",
            )
        if not self.on_sqlite and find_spec("asyncpg") is None:
            raise InvalidSetting(
                "DATABASE_URL",
                "is of PostgreSQL, and its driver is not installed",
                "pip install 'orak[postgresql]'",
            )

    def _check_urls(self) -> None:
        jwks_url = self.jwks_url if "://" in (self.jwks_url or "") else None  # else it names a file
        if jwks_url is not None and jwks_url.startswith("file://"):
            jwks_url = None
        for name, url, example in (
            ("PUBLIC_URL", self.public_url, "https://orak.example.com"),
            ("CDN_BASE_URL", self.cdn_base_url, "https://cdn.example.com"),
            ("JWKS_URL", jwks_url, "https://id.example.com/jwks.json"),
            ("S3_ENDPOINT_URL", self.s3_endpoint_url, "https://s3.example.com:9000"),
            ("AWS_ENDPOINT_URL", self.aws_endpoint_url, "https://aws.example.com:4566"),
            ("SQS_QUEUE_URL", self.sqs_queue_url, "https://sqs.eu-west-1.amazonaws.com/123456789012/name"),
        ):
            if url is not None and not _is_url(url):
                raise InvalidSetting(name, "is no URL of a server", f"use the like of {example}")
        for origin in self.cors_origins:
            if origin != "*" and not _is_origin(origin):
                raise InvalidSetting(
                    "CORS_ORIGINS",
                    f"holds {origin!r}, which is no origin",
                    "use the like of https://app.example.com, without a path or a slash at the end, or *",
                )


class LoadedSettings(msgspec.Struct, frozen=True):
    """Settings, and where each came from: `flag`, a variable's name (in `.env` or not), or `default`."""

    settings: Settings
    origins: Mapping[str, str]

    @classmethod
    def load(
        cls,
        flags: Mapping[str, object] | None = None,
        environment: Mapping[str, str] | None = None,
        env_file: Path = Path(".env"),
    ) -> Self:
        """Gather the settings. Raise `InvalidSetting` naming the variable whose value cannot be used.

        An empty variable counts as unset. `ORAK_X` overrides `X`.
        """
        environment = os.environ if environment is None else environment
        from_file = {name: value or "" for name, value in dotenv_values(env_file).items()}
        sources = ((environment, ""), (from_file, f" in {env_file.name}"))
        _refuse_later_ones(environment, from_file)
        values: dict[str, object] = {}
        origins: dict[str, str] = {}
        for field, kind in get_type_hints(Settings, include_extras=True).items():
            if flags and flags.get(field) is not None:
                values[field], origins[field] = flags[field], "flag"
                continue
            origins[field] = "default"
            for variables, place in sources:
                name = next((name for name in variable_names(field) if variables.get(name)), None)
                if name is not None:
                    values[field] = _parse(name, variables[name], kind)
                    origins[field] = name + place
                    break
        return cls(Settings(**values), origins)  # type: ignore[arg-type]  # each value was parsed to its field


def variable_names(field: str) -> tuple[str, ...]:
    """The variables that set *field*, the strongest first."""
    twin = _PREFIX + field.upper()
    return (twin,) if field in _ONLY_PREFIXED else (twin, field.upper())


def shown_value(field: str, value: object) -> str:
    """*value* as it may be shown to whoever looks over an operator's shoulder."""
    if value is None:
        return ""
    if field in _SECRET:
        return "********"
    if isinstance(value, AudioProfile):
        return value.value
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return _without_password(value) if isinstance(value, str) and "://" in value else str(value)


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


def _without_password(url: str) -> str:
    password = urlsplit(url).password
    shown = url.replace(f":{password}@", ":********@") if password else url
    return re.sub(r"([?&](?:ssl)?password=)[^&]+", r"\1********", shown)  # libpq takes one there too


def _parse(name: str, text: str, kind: object) -> object:
    value: object = text.strip()
    if get_origin(_bare(kind)) is tuple:
        value = [part.strip() for part in text.split(",") if part.strip()]
    try:
        return msgspec.convert(value, kind, strict=False, dec_hook=_to_path)
    except msgspec.ValidationError:
        problem = f"is {text!r}, not {_expectation(kind)}"
        raise InvalidSetting(name, problem, f"{name} is the {describe(kind)}") from None


def describe(kind: object) -> str:
    """What a setting means, from its annotation."""
    return next(meta.description for meta in _metas(kind) if meta.description)


def _metas(kind: object) -> list[Meta]:
    return [meta for meta in get_args(kind) if isinstance(meta, Meta)]


def _bare(kind: object) -> object:
    """The type itself: without its annotations, and without `| None`."""
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    choices = [choice for choice in get_args(inner) if choice is not NoneType]
    return _bare(choices[0]) if isinstance(inner, UnionType) or get_origin(inner) is Union else inner


def _expectation(kind: object) -> str:
    bare = _bare(kind)
    if isinstance(bare, type) and issubclass(bare, Enum):
        return "one of " + ", ".join(str(choice.value) for choice in bare)
    if get_origin(bare) is Literal:
        return "one of " + ", ".join(get_args(bare))
    if bare is bool:
        return "true or false"
    if bare is not int:
        return f"a {bare}"
    metas = _metas(kind) + [meta for choice in get_args(get_args(kind)[0]) for meta in _metas(choice)]
    least = next((meta.ge for meta in metas if meta.ge is not None), None)
    most = next((meta.le for meta in metas if meta.le is not None), None)
    bounds = [f" from {least}" if least is not None else "", f" to {most}" if most is not None else ""]
    return "a whole number" + "".join(bounds)


def _to_path(_kind: type, value: object) -> Path:
    return Path(cast("str", value))  # the only kind of setting that msgspec does not know by itself


def _refuse_later_ones(*sources: Mapping[str, str]) -> None:
    for name, ability in _LATER.items():
        if any(variables.get(name) or variables.get(_PREFIX + name) for variables in sources):
            raise InvalidSetting(
                name, "is set, and this release cannot do that", f"unset it: no {ability} yet"
            )
