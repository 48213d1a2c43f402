"""What orak can be told."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from orak.domain.audio import AudioProfile
from orak.entrypoints.settings.checks import check_together

Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]


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
        str | None, Meta(description="bus that events are published on; default none")
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
        Natural, Meta(description="number of days that events are kept; 0 keeps them for ever")
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
        """For how long events are kept; None: for ever."""
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
        """Refuse what cannot work."""
        check_together(self)
