"""The checks of `orak doctor`. A check reads and tries, and leaves no trace."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import httpx

from orak.adapters.persistence.sql import migrations
from orak.application.ports.failures import Unavailable
from orak.entrypoints.cli.db import sqlite_file
from orak.entrypoints.cli.doctor_cdn import check_cdn
from orak.entrypoints.cli.doctor_storage import check_storage
from orak.entrypoints.cli.errors import CommandError
from orak.entrypoints.cli.finding import Finding
from orak.entrypoints.cli.listeners import PortInUse, listen
from orak.entrypoints.cli.options import command, load_settings
from orak.entrypoints.cli.tokens import MIN_SECRET_BYTES, check_keys, check_tokens
from orak.entrypoints.opening import blaming, imported, made
from orak.entrypoints.running import open_parts
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.sources import LoadedSettings, shown_value
from orak.entrypoints.settings.values import Settings

_OLDEST_PYTHON = (3, 11)
_LOW_SPACE, _NO_SPACE = 2 * 2**30, 100 * 2**20
"""Bytes of free space below which the check warns, and below which it fails."""

_DECODERS = ("opus", "vorbis", "aac", "mp3", "flac", "pcm_s16le")
_ENCODERS = {"aac-128": "aac", "mp3-192": "libmp3lame", "opus-96": "libopus"}


def all_checks(data_dir: Path | None, host: str | None, port: int | None) -> Iterator[Finding]:
    """Run the checks; yield each result as soon as it is there."""
    yield _check_python()
    try:
        loaded = load_settings(data_dir=data_dir, host=host, port=port)
    except CommandError as error:
        yield Finding("settings", "fail", error.message, error.hint)
        return
    yield _check_settings(loaded)
    settings = loaded.settings
    yield _check_data_dir(settings)
    yield _check_database(settings)
    yield from check_storage(settings)
    if settings.redis_url is not None:
        yield _check_redis(settings.redis_url)
    yield _check_events(settings)
    yield from check_cdn(settings)
    yield _check_audio(settings)
    yield _check_port(settings)
    yield _check_tokens(settings)
    yield _check_clock(settings)


def _check_python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return Finding("python", "fail", f"{version} is too old", "install Python 3.11 or newer")
    return Finding("python", "ok", f"{version}, {sys.executable}")


def _check_settings(loaded: LoadedSettings) -> Finding:
    changed = sum(origin != "default" for origin in loaded.origins.values())
    return Finding("settings", "ok", f"{changed} of {len(loaded.origins)} set; `orak config` shows them")


def _check_data_dir(settings: Settings) -> Finding:
    if settings.in_memory:
        return Finding("data", "ok", "in memory; its keys are lost when orak stops")
    folder = settings.data_dir.absolute()
    present = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=present):
            pass
    except OSError as error:
        return Finding(
            "data",
            "fail",
            f"{present}: {error.strerror}",
            "set ORAK_DATA_DIR to a folder that this user can write to",
        )
    free = shutil.disk_usage(present).free
    said = f"{folder}, {free / 2**30:.1f} GiB free"
    if free < _NO_SPACE:
        return Finding(
            "data", "fail", said, "free disk space, or set ORAK_DATA_DIR to a folder on a larger disk"
        )
    return Finding("data", "warn" if free < _LOW_SPACE else "ok", said)


def _check_database(settings: Settings) -> Finding:
    if settings.database_kind == "memory":
        return Finding("database", "ok", "in memory; its rows are lost when orak stops")
    shown, file = shown_value("database_url", settings.database), sqlite_file(settings)
    if file is not None and not file.exists():
        folder = file.absolute().parent
        if not folder.exists() and not settings.data_dir.absolute().is_relative_to(folder):
            return Finding(
                "database", "fail", f"{shown}: the folder {folder} does not exist", "create the folder"
            )
        return Finding("database", "ok", f"{shown}, created at the first start")
    return _check_schema(settings, shown)


def _check_schema(settings: Settings, shown: str) -> Finding:
    try:
        if migrations.check(settings.database):
            return Finding("database", "ok", f"{shown}, schema {migrations.current(settings.database)}")
    except Unavailable as outage:
        return Finding(
            "database", "fail", f"{shown}: {outage}", "check DATABASE_URL and the permissions of its user"
        )
    except migrations.UnusableSchema as error:
        return Finding("database", "fail", f"{shown}: {error}", error.hint)
    return Finding(
        "database",
        "warn",
        f"{shown}: the schema is outdated or missing",
        f"run {command('db upgrade', settings.data_dir)}",
    )


async def _try_redis(url: str) -> None:
    with blaming("REDIS_URL"):
        import_module("orak.adapters.queues.taskiq_broker")  # `serve` and `worker` need taskiq, too
        await imported("orak.adapters.redis.link:check_redis")(url)


def _check_redis(url: str) -> Finding:
    shown = shown_value("redis_url", url)
    try:
        asyncio.run(_try_redis(url))
    except InvalidSetting as invalid:
        return Finding("redis", "fail", str(invalid), invalid.hint)
    except Unavailable as outage:
        return Finding(
            "redis",
            "fail",
            f"{shown}: {outage}",
            "check REDIS_URL; while Redis is down, orak works but more slowly",
        )
    return Finding("redis", "ok", shown)


def _check_events(settings: Settings) -> Finding:
    targets = [
        shown
        for name, shown in (
            (settings.eventbridge_bus_name, f"bus {settings.eventbridge_bus_name}"),
            (settings.sqs_queue_url, f"queue {settings.sqs_queue_url}"),
        )
        if name is not None
    ]
    if not targets:
        return Finding("events", "ok", "inside orak, without EventBridge and SQS")
    shown = " and ".join(targets)
    try:
        asyncio.run(_try_events(settings))
    except InvalidSetting as invalid:
        return Finding("events", "fail", str(invalid), invalid.hint)
    except Unavailable as outage:
        # Not a failure: events wait for the bus, and batches start what the queue would have started.
        return Finding(
            "events",
            "warn",
            f"{shown}: {outage}",
            "run `orak aws setup`; docs/guides/aws.md lists the permissions that orak needs",
        )
    return Finding("events", "ok", shown)


async def _try_events(settings: Settings) -> None:
    if settings.eventbridge_bus_name is not None:
        async with open_parts(settings, "event_bus") as container:
            await (await made(container.event_bus)).check()
    if settings.sqs_queue_url is not None:
        async with open_parts(settings, "messages") as container:
            await (await made(container.messages)).check()


def _check_audio(settings: Settings) -> Finding:
    try:
        import av
        from av.codec import Codec, codecs_available
    except ImportError as error:
        return Finding("audio", "fail", f"PyAV cannot be imported: {error}", "run `pip install av`")
    missing = [name for name in _DECODERS if name not in codecs_available]
    encoder = _ENCODERS[settings.audio_profile.value]
    try:
        Codec(encoder, "w")
    except ValueError:
        missing.append(f"{encoder} (encoder)")
    if missing:
        return Finding(
            "audio",
            "fail",
            f"PyAV {av.__version__} lacks {', '.join(missing)}",
            "install the wheel of av from PyPI",
        )
    return Finding("audio", "ok", f"PyAV {av.__version__}, converts to {settings.audio_profile.value}")


def _check_port(settings: Settings) -> Finding:
    address = f"{settings.host}:{settings.port}"
    try:
        listen(settings.host, settings.port).close()
    except PortInUse:
        user = "orak" if _is_orak(f"http://{address}") else "another program"
        return Finding("port", "warn", f"{address} is in use by {user}", "choose another port with --port")
    except CommandError as error:
        return Finding("port", "fail", error.message, error.hint)
    return Finding("port", "ok", f"{address} is free")


def _is_orak(url: str) -> bool:
    try:
        answer: object = httpx.get(f"{url}/health/live", timeout=1, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return False
    return answer == {"status": "live"}


def _check_tokens(settings: Settings) -> Finding:
    if settings.jwt_secret is None and settings.jwks_url is None:
        return Finding(
            "tokens",
            "warn",
            "neither JWT_SECRET nor JWKS_URL is set: `serve` will not start",
            "export JWT_SECRET=$(openssl rand -hex 32); `orak demo` does not need it",
        )
    try:
        check_tokens(settings)
        if settings.jwks_url is not None:
            check_keys(settings.jwks_url, settings.jwt_algorithms)
    except CommandError as error:
        return Finding("tokens", "fail", error.message, error.hint)
    if settings.jwt_secret is not None and len(settings.jwt_secret.encode()) < MIN_SECRET_BYTES:
        return Finding(
            "tokens",
            "warn",
            f"JWT_SECRET is shorter than {MIN_SECRET_BYTES} bytes and can be guessed",
            "make a new one with `openssl rand -hex 32`",
        )
    return Finding(
        "tokens",
        "ok",
        "verified with JWT_SECRET"
        if settings.jwt_secret
        else f"verified with the keys of {settings.jwks_url}",
    )


def _check_clock(settings: Settings) -> Finding:
    """Compare the clock with the times of files: a clock in the past accepts expired tokens."""
    now = datetime.now(UTC)
    files = [Path(__file__), sqlite_file(settings)]
    latest = max(
        datetime.fromtimestamp(file.stat().st_mtime, UTC)
        for file in files
        if file is not None and file.exists()
    )
    if latest > now + timedelta(minutes=1):
        return Finding(
            "clock",
            "fail",
            f"the time is {now:%Y-%m-%d %H:%M} UTC, but a file of orak is from {latest:%Y-%m-%d %H:%M}",
            "set the clock; tokens and signed URLs depend on it",
        )
    return Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC")
