"""What `orak doctor` looks at. A check reads and tries; it changes nothing."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import httpx
import msgspec

from orak.adapters.clock.system import SystemClock
from orak.adapters.persistence.sql import migrations
from orak.application.ports.failures import Unavailable
from orak.entrypoints.aws import open_event_bus, open_message_queue
from orak.entrypoints.cli.db import sqlite_file
from orak.entrypoints.cli.failures import Failure
from orak.entrypoints.cli.listening import PortTaken, listen
from orak.entrypoints.cli.options import command, load_settings
from orak.entrypoints.cli.tokens import WEAK_SECRET, check_keys, check_tokens
from orak.entrypoints.redis import try_redis
from orak.entrypoints.s3 import open_s3
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.sources import LoadedSettings, shown_value
from orak.entrypoints.settings.values import Settings

_OLDEST_PYTHON = (3, 11)
_ENOUGH, _LITTLE = 2 * 2**30, 100 * 2**20
"""Bytes of free space that are worth no word, and those that are not worth starting with."""

_DECODERS = ("opus", "vorbis", "aac", "mp3", "flac", "pcm_s16le")
_ENCODERS = {"aac-128": "aac", "mp3-192": "libmp3lame", "opus-96": "libopus"}


class Finding(msgspec.Struct, frozen=True):
    """What one check found."""

    name: str
    level: Literal["ok", "warn", "fail"]
    said: str
    hint: str | None = None


def all_checks(data_dir: Path | None, host: str | None, port: int | None) -> Iterator[Finding]:
    """Yield what each check finds, as it is found."""
    yield _check_python()
    try:
        loaded = load_settings(data_dir=data_dir, host=host, port=port)
    except Failure as failure:
        yield Finding("settings", "fail", failure.message, failure.hint)
        return
    yield _check_settings(loaded)
    checks: tuple[Callable[[Settings], Finding | None], ...] = (
        _check_data_dir,
        _check_database,
        _check_storage,
        _check_redis,
        _check_events,
        _check_audio,
        _check_port,
        _check_tokens,
        _check_clock,
    )
    for check in checks:
        found = check(loaded.settings)
        if found is not None:
            yield found


def _check_python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return Finding("python", "fail", f"{version} is too old", "orak needs Python 3.11 or newer")
    return Finding("python", "ok", f"{version}, {sys.executable}")


def _check_settings(loaded: LoadedSettings) -> Finding:
    by_hand = sum(origin != "default" for origin in loaded.origins.values())
    return Finding("settings", "ok", f"{by_hand} of {len(loaded.origins)} set; `orak config` shows them")


def _check_data_dir(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    present = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=present):
            pass
    except OSError as error:
        return Finding(
            "data", "fail", f"{present}: {error.strerror}", "set ORAK_DATA_DIR to a folder of your own"
        )
    free = shutil.disk_usage(present).free
    said = f"{folder}, {free / 2**30:.1f} GiB free"
    if free < _LITTLE:
        return Finding("data", "fail", said, "make room, or set ORAK_DATA_DIR to a larger disk")
    return Finding("data", "warn" if free < _ENOUGH else "ok", said)


def _check_database(settings: Settings) -> Finding:
    shown, file = shown_value("database_url", settings.database), sqlite_file(settings)
    if file is not None and not file.exists():
        folder = file.absolute().parent
        if not folder.exists() and not settings.data_dir.absolute().is_relative_to(folder):
            return Finding("database", "fail", f"{shown}: there is no folder {folder}", "make it")
        return Finding("database", "ok", f"{shown}, which the first start makes")
    try:
        if migrations.check(settings.database):
            return Finding("database", "ok", f"{shown}, schema {migrations.current(settings.database)}")
    except Unavailable as outage:
        return Finding("database", "fail", f"{shown}: {outage}", "check DATABASE_URL, and who may open it")
    except migrations.UnusableSchema as error:
        return Finding("database", "fail", f"{shown}: {error}", error.hint)
    return Finding(
        "database",
        "warn",
        f"{shown}: the schema is not the one this orak expects",
        f"run {command('db upgrade', settings.data_dir)}",
    )


def _check_storage(settings: Settings) -> Finding:
    if settings.s3_bucket_name is None:
        return Finding("storage", "ok", "on the local disk")
    where = settings.s3_endpoint_url or settings.aws_endpoint_url or "AWS"
    shown = f"bucket {settings.s3_bucket_name} at {shown_value('s3_endpoint_url', where)}"
    try:
        asyncio.run(_try_bucket(settings))
    except InvalidSetting as invalid:
        return Finding("storage", "fail", str(invalid), invalid.hint)
    except Unavailable as outage:
        return Finding(
            "storage",
            "fail",
            f"{shown}: {outage}",
            "docs/guides/storage.md lists the permissions that orak needs",
        )
    return Finding("storage", "ok", shown)


async def _try_bucket(settings: Settings) -> None:
    async with open_s3(settings, SystemClock()) as storage:
        await storage.check()


def _check_redis(settings: Settings) -> Finding | None:
    """None where there is nothing to look at: without Redis orak lacks nothing."""
    if settings.redis_url is None:
        return None
    shown = shown_value("redis_url", settings.redis_url)
    try:
        asyncio.run(try_redis(settings.redis_url))
    except InvalidSetting as invalid:
        return Finding("redis", "fail", str(invalid), invalid.hint)
    except Unavailable as outage:
        return Finding(
            "redis", "fail", f"{shown}: {outage}", "check REDIS_URL; without Redis all goes on, but later"
        )
    return Finding("redis", "ok", shown)


def _check_events(settings: Settings) -> Finding:
    ways = [
        shown
        for name, shown in (
            (settings.eventbridge_bus_name, f"bus {settings.eventbridge_bus_name}"),
            (settings.sqs_queue_url, f"queue {settings.sqs_queue_url}"),
        )
        if name is not None
    ]
    if not ways:
        return Finding("events", "ok", "within orak")
    shown = " and ".join(ways)
    try:
        asyncio.run(_try_events(settings))
    except InvalidSetting as invalid:
        return Finding("events", "fail", str(invalid), invalid.hint)
    except Unavailable as outage:
        # No reason not to run: events wait for the bus, and the sweep does what the queue would have started.
        return Finding(
            "events",
            "warn",
            f"{shown}: {outage}",
            "`orak aws setup` makes them; docs/guides/aws.md lists the permissions",
        )
    return Finding("events", "ok", shown)


async def _try_events(settings: Settings) -> None:
    if settings.eventbridge_bus_name is not None:
        async with open_event_bus(settings, SystemClock()) as bus:
            await bus.check()
    if settings.sqs_queue_url is not None:
        async with open_message_queue(settings) as queue:
            await queue.check()


def _check_audio(settings: Settings) -> Finding:
    try:
        import av
        from av.codec import Codec, codecs_available
    except ImportError as error:
        return Finding("audio", "fail", f"PyAV cannot be loaded: {error}", "pip install av")
    missing = [name for name in _DECODERS if name not in codecs_available]
    encoder = _ENCODERS[settings.audio_profile.value]
    try:
        Codec(encoder, "w")
    except ValueError:
        missing.append(f"{encoder} (encoder)")
    if missing:
        return Finding(
            "audio", "fail", f"PyAV {av.__version__} lacks {', '.join(missing)}", "install av from a wheel"
        )
    return Finding("audio", "ok", f"PyAV {av.__version__}, converts to {settings.audio_profile.value}")


def _check_port(settings: Settings) -> Finding:
    address = f"{settings.host}:{settings.port}"
    try:
        listen(settings.host, settings.port).close()
    except PortTaken:
        who = "by an orak" if _is_orak(f"http://{address}") else "by another program"
        return Finding("port", "warn", f"{address} is in use, {who}", "a second one needs another --port")
    except Failure as failure:
        return Finding("port", "fail", failure.message, failure.hint)
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
            "export JWT_SECRET=$(openssl rand -hex 32); `orak demo` needs none",
        )
    try:
        check_tokens(settings)
        if settings.jwks_url is not None:
            check_keys(settings.jwks_url, settings.jwt_algorithms)
    except Failure as failure:
        return Finding("tokens", "fail", failure.message, failure.hint)
    if settings.jwt_secret is not None and len(settings.jwt_secret.encode()) < WEAK_SECRET:
        return Finding(
            "tokens",
            "warn",
            "JWT_SECRET is short enough to be guessed",
            "openssl rand -hex 32 makes a good one",
        )
    return Finding(
        "tokens", "ok", "checked with JWT_SECRET" if settings.jwt_secret else f"keys of {settings.jwks_url}"
    )


def _check_clock(settings: Settings) -> Finding:
    """A clock that was reset to the past, as on a board without a battery, lets expired tokens live."""
    now = datetime.now(UTC)
    witnesses = [Path(__file__), sqlite_file(settings)]
    latest = max(
        datetime.fromtimestamp(file.stat().st_mtime, UTC)
        for file in witnesses
        if file is not None and file.exists()
    )
    if latest > now + timedelta(minutes=1):
        return Finding(
            "clock",
            "fail",
            f"it is {now:%Y-%m-%d %H:%M} UTC, and files here are from {latest:%Y-%m-%d %H:%M}",
            "set the clock; tokens and signed URLs hang on it",
        )
    return Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC")
