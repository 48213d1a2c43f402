"""The settings: their types, defaults, and what follows from them."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from orak.adapters.persistence.sql.postgresql_url import Pooler
from orak.domain.audio import AudioProfile
from orak.entrypoints.settings import checks

Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]

DatabaseKind = Literal["memory", "sqlite", "postgresql"]
StorageKind = Literal["memory", "local", "s3"]
CacheKind = Literal["memory", "redis", "none"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting. The defaults run orak on one machine with nothing else installed."""

    host: Annotated[str, Meta(description="address that `serve` listens on")] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="port that `serve` listens on; 0 picks a free one")
    ] = 8000
    data_dir: Annotated[
        Path,
        Meta(description="folder for the database, objects and keys; `memory:` keeps them in the process"),
    ] = Path("orak-data")
    database_url: Annotated[
        str | None, Meta(description="SQLite file, PostgreSQL URL or `memory:`; default <data dir>/orak.db")
    ] = None
    database_pooler: Annotated[
        Pooler,
        Meta(description="mode of a pooler in front of PostgreSQL; auto works with either, and without one"),
    ] = "auto"
    pool_size: Annotated[
        int,
        Meta(
            ge=2,
            description="number of connections to PostgreSQL of one process, half of them for reads; "
            "WEB_WORKERS multiplies it",
        ),
    ] = 10
    db_auto_upgrade: Annotated[
        bool, Meta(description="switch that migrates PostgreSQL at start; SQLite always migrates at start")
    ] = False
    drain_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=600,
            description="number of seconds after SIGTERM in which `serve` is not ready but answers, and a "
            "worker finishes its conversions",
        ),
    ] = 0
    web_workers: Annotated[
        Positive | Literal["auto"],
        Meta(description="number of processes that `serve` runs on its port; auto is one per core"),
    ] = 1
    public_url: Annotated[
        str | None, Meta(description="URL at which clients reach orak; default http://<host>:<port>")
    ] = None
    cdn_base_url: Annotated[
        str | None, Meta(description="base URL of published objects; default <public url>/media")
    ] = None
    cloudfront_distribution_id: Annotated[
        str | None,
        Meta(description="CloudFront distribution that drops deleted objects at once; default none"),
    ] = None
    cloudfront_key_id: Annotated[
        str | None, Meta(description="id of the public key that verifies signed CloudFront URLs")
    ] = None
    cloudfront_private_key: Annotated[
        str | None, Meta(description="private key that signs CloudFront URLs: a PEM, or the path of its file")
    ] = None
    s3_bucket_name: Annotated[
        str | None, Meta(description="S3 bucket that holds the objects; default local disk")
    ] = None
    s3_region: Annotated[
        str | None, Meta(description="region of the bucket; default as the AWS tools choose it")
    ] = None
    s3_endpoint_url: Annotated[
        str | None, Meta(description="URL of an S3-compatible store other than AWS")
    ] = None
    s3_addressing_style: Annotated[
        Literal["auto", "path", "virtual"],
        Meta(description="place of the bucket name in URLs; auto is the host on AWS, else the path"),
    ] = "auto"
    aws_access_key_id: Annotated[
        str | None, Meta(description="AWS access key; default the AWS credential chain")
    ] = None
    aws_secret_access_key: Annotated[str | None, Meta(description="secret of the AWS access key")] = None
    aws_session_token: Annotated[str | None, Meta(description="session token of temporary AWS keys")] = None
    aws_region: Annotated[
        str | None,
        Meta(
            description="region of the event bus and queue; default S3_REGION, else as the AWS tools choose"
        ),
    ] = None
    aws_endpoint_url: Annotated[
        str | None, Meta(description="URL of servers in place of AWS; S3_ENDPOINT_URL wins for the bucket")
    ] = None
    eventbridge_bus_name: Annotated[
        str | None, Meta(description="EventBridge bus that events are published on; default none")
    ] = None
    eventbridge_rule_name: Annotated[
        str | None, Meta(description="EventBridge rule from the bus to the queue, made by `aws setup`")
    ] = None
    sqs_queue_url: Annotated[
        str | None, Meta(description="SQS queue whose messages start conversions; default none")
    ] = None
    redis_url: Annotated[
        str | None,
        Meta(description="URL of the Redis or Sentinel that connects processes; default none, one process"),
    ] = None
    jwt_secret: Annotated[str | None, Meta(description="HS256 secret that signs tokens")] = None
    jwks_url: Annotated[
        str | None, Meta(description="URL or file of the public keys (JWKS) that verify tokens")
    ] = None
    jwt_issuer: Annotated[str | None, Meta(description="`iss` that tokens must have")] = None
    jwt_audience: Annotated[str | None, Meta(description="`aud` that tokens must have")] = None
    jwt_algorithms: Annotated[
        tuple[str, ...], Meta(description="list of accepted signing algorithms; default by key type")
    ] = ()
    batch_enabled: Annotated[
        bool,
        Meta(description="switch for batches; false turns off wake-ups too, unless SQS_QUEUE_URL is set"),
    ] = True
    batch_size: Annotated[
        int, Meta(ge=1, le=1000, description="number of uploads that one batch of one process may start")
    ] = 50
    batch_interval_ms: Annotated[Positive, Meta(description="milliseconds between batches")] = 30_000
    batch_max_concurrent: Annotated[
        Positive, Meta(description="number of background conversions at once, at most one per core")
    ] = 10
    sweep_interval_ms: Annotated[Positive, Meta(description="milliseconds between sweeps for stuck rows")] = (
        5_000
    )
    presign_ttl_seconds: Annotated[
        int, Meta(ge=1, le=604_800, description="number of seconds that an upload URL is valid")
    ] = 900
    max_upload_bytes: Annotated[Positive, Meta(description="number of bytes of the largest upload")] = (
        200 * 2**20
    )
    max_duration_seconds: Annotated[
        Positive, Meta(description="number of seconds of the longest recording")
    ] = 3600
    immediate_wait_ms: Annotated[
        int, Meta(ge=0, le=10_000, description="milliseconds that a create call waits for its conversion")
    ] = 300
    immediate_slots: Annotated[
        Natural | None,
        Meta(
            description="number of conversions inside create calls, which WEB_WORKERS divide between them; "
            "default cores - 1, at least one for each process"
        ),
    ] = None
    audio_profile: Annotated[AudioProfile, Meta(description="format that uploads are converted to")] = (
        AudioProfile.AAC_128
    )
    lease_seconds: Annotated[
        Positive, Meta(description="number of seconds after which a silent worker loses its upload")
    ] = 30
    heartbeat_seconds: Annotated[
        Positive, Meta(description="number of seconds between renewals of a lease")
    ] = 10
    webhook_url: Annotated[str | None, Meta(description="webhook endpoint that receives every event")] = None
    webhook_secret: Annotated[str | None, Meta(description="signing secret of that webhook endpoint")] = None
    webhook_allow_private: Annotated[
        bool, Meta(description="switch that allows webhooks to private addresses, for development")
    ] = False
    events_retention_days: Annotated[
        Natural, Meta(description="number of days that events are kept; 0 keeps them forever")
    ] = 0
    orphan_retention_hours: Annotated[
        Positive, Meta(description="number of hours that an upload without a record is kept")
    ] = 24
    cors_origins: Annotated[
        tuple[str, ...], Meta(description="list of web origins whose pages may call the API")
    ] = ()
    metrics_port: Annotated[
        Annotated[int, Meta(ge=0, le=65535)] | None,
        Meta(
            description="port of its own for `/metrics`, in `serve` and in a worker; 0 picks a free one; "
            "default the port of `serve`, and none for a worker",
        ),
    ] = None
    metrics_host: Annotated[
        str | None, Meta(description="address of METRICS_PORT; default the one that `serve` listens on")
    ] = None
    log_format: Annotated[
        Literal["auto", "text", "json"],
        Meta(description="format of the log; auto is text on a terminal, and JSON elsewhere"),
    ] = "auto"

    @property
    def base_url(self) -> str:
        """The URL at which clients reach orak, without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host  # RFC 3986 §3.2.2
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def base_path(self) -> str:
        """The path of that URL, such as `/orak`; empty for a host of its own."""
        return urlsplit(self.base_url).path

    @property
    def media_url(self) -> str:
        """The base URL of published objects, without a trailing slash."""
        return (self.cdn_base_url or f"{self.base_url}/media").rstrip("/")

    @property
    def own_origin(self) -> str:
        """The origin of the page that orak serves."""
        return "{0.scheme}://{0.netloc}".format(urlsplit(self.base_url))

    @property
    def foreign_origins(self) -> tuple[str, ...]:
        """The origins that browsers send to the bucket for other pages than that of orak.

        A browser that follows `/media` to the store for such a page sends `null`.
        """
        others = [origin for origin in self.cors_origins if origin != self.own_origin]
        redirected = ["null"] if others and self.cdn_base_url is None else []
        return (*others, *redirected)

    @property
    def in_memory(self) -> bool:
        """Whether the data folder is replaced by the process's memory."""
        return str(self.data_dir) == checks.MEMORY

    @property
    def database(self) -> str:
        """The database's URL, or `memory:`."""
        if self.database_url is not None:
            return self.database_url
        return checks.MEMORY if self.in_memory else f"sqlite:///{(self.data_dir / 'orak.db').absolute()}"

    @property
    def database_kind(self) -> DatabaseKind:
        """The adapter that the database needs."""
        if self.database == checks.MEMORY:
            return "memory"
        return "sqlite" if self.database.startswith("sqlite:") else "postgresql"

    @property
    def work_dir(self) -> Path | None:
        """The folder for the files of running conversions; None is the system's temporary folder."""
        return None if self.in_memory else self.data_dir / "work"

    @property
    def objects_dir(self) -> Path:
        """The folder of the objects on local disk."""
        return self.data_dir / "objects"

    @property
    def storage_kind(self) -> StorageKind:
        """The adapter that holds the objects."""
        if self.s3_bucket_name is not None:
            return "s3"
        return "memory" if self.in_memory else "local"

    @property
    def broker_kind(self) -> Literal["none", "redis"]:
        """What connects the processes."""
        return "none" if self.redis_url is None else "redis"

    @property
    def event_bus_kind(self) -> Literal["none", "eventbridge"]:
        """The bus that events are published on."""
        return "none" if self.eventbridge_bus_name is None else "eventbridge"

    @property
    def cdn_kind(self) -> Literal["none", "cloudfront"]:
        """The CDN whose copies orak invalidates."""
        return "none" if self.cloudfront_distribution_id is None else "cloudfront"

    @property
    def cache_kind(self) -> CacheKind:
        """The cache of finished records: only one that every process which may change a record can reach.

        One `serve` uses a SQLite file. Without Redis, any number of them may use a PostgreSQL database.
        """
        if self.redis_url is not None:
            return "redis"
        return "none" if self.database_kind == "postgresql" else "memory"

    @property
    def bucket_endpoint(self) -> str | None:
        """The URL of the S3-compatible store; None is AWS."""
        return self.s3_endpoint_url or self.aws_endpoint_url

    @property
    def events_region(self) -> str | None:
        """The region of the event bus and queue; None leaves it to the AWS credential chain."""
        return self.aws_region or self.s3_region

    @property
    def cores(self) -> int:
        """The number of conversions that this machine can run at once."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    @property
    def web_processes(self) -> int:
        """The number of processes that `serve` runs."""
        return self.cores if self.web_workers == "auto" else self.web_workers

    @property
    def slots(self) -> int:
        """The number of conversions that may start inside create calls; with 0 all are queued."""
        default = max(self.web_processes, self.cores - 1)
        return default if self.immediate_slots is None else self.immediate_slots

    @property
    def retention_of_events(self) -> timedelta | None:
        """How long events are kept; None keeps them forever."""
        return timedelta(days=self.events_retention_days) if self.events_retention_days else None

    @property
    def workers(self) -> int:
        """The number of background conversions that one process may run at once."""
        return min(self.batch_max_concurrent, self.cores) if self.converts_in_background else 0

    @property
    def converts_in_background(self) -> bool:
        """Whether anything starts conversions in the background: batches, or messages from SQS."""
        return self.batch_enabled or self.sqs_queue_url is not None

    def __post_init__(self) -> None:
        """Raise `InvalidSetting` for values that cannot work, alone or together."""
        checks.check_heartbeat(self.heartbeat_seconds, self.lease_seconds)
        checks.check_one_key_source(self.jwt_secret, self.jwks_url)
        checks.check_pair(
            "AWS_ACCESS_KEY_ID", self.aws_access_key_id, "AWS_SECRET_ACCESS_KEY", self.aws_secret_access_key
        )
        checks.check_pair(
            "CLOUDFRONT_KEY_ID", self.cloudfront_key_id, "CLOUDFRONT_PRIVATE_KEY", self.cloudfront_private_key
        )
        checks.check_cloudfront(
            self.cdn_base_url,
            CLOUDFRONT_DISTRIBUTION_ID=self.cloudfront_distribution_id,
            CLOUDFRONT_KEY_ID=self.cloudfront_key_id,
        )
        checks.check_pair("WEBHOOK_URL", self.webhook_url, "WEBHOOK_SECRET", self.webhook_secret)
        checks.check_webhook_url(self.webhook_url)
        checks.check_jwks_url(self.jwks_url)
        for name, url, example in (
            ("PUBLIC_URL", self.public_url, "https://orak.example.com"),
            ("CDN_BASE_URL", self.cdn_base_url, "https://cdn.example.com"),
            ("S3_ENDPOINT_URL", self.s3_endpoint_url, "https://s3.example.com:9000"),
            ("AWS_ENDPOINT_URL", self.aws_endpoint_url, "https://aws.example.com:4566"),
            ("SQS_QUEUE_URL", self.sqs_queue_url, "https://sqs.eu-west-1.amazonaws.com/123456789012/name"),
        ):
            checks.check_base_url(name, url, example)
        checks.check_base_path(self.base_path)
        checks.check_origins(self.cors_origins)
        checks.check_redis_url(self.redis_url)
        checks.check_database_url(self.database)
