"""The object store: whether it takes, returns and deletes objects, and what else it can do."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from orak.adapters.storage.abilities import Abilities, Ability
from orak.application.ports.failures import Unavailable
from orak.entrypoints.cli.finding import Finding, Level, existing_folder
from orak.entrypoints.cli.threads import in_thread
from orak.entrypoints.opening import made
from orak.entrypoints.running import open_parts
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.sources import shown_value
from orak.entrypoints.settings.values import Settings


async def check_storage(settings: Settings) -> list[Finding]:
    """Check that the store answers, then what it can do."""
    if settings.storage_kind == "memory":
        return [Finding("storage", "ok", "in memory; its objects are lost when orak stops")]
    if settings.s3_bucket_name is None:
        return [await in_thread(_check_disk, existing_folder(settings.data_dir))]
    return list(await _check_bucket(settings))


def _check_disk(folder: Path) -> Finding:
    """Try hard links and locks, which local storage needs."""
    try:
        with TemporaryDirectory(dir=folder, prefix=".doctor-", ignore_cleanup_errors=True) as temporary:
            file, link = Path(temporary) / "file", Path(temporary) / "link"
            with file.open("xb") as opened:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.link(file, link)
    except OSError as error:
        return Finding(
            "storage",
            "fail",
            f"local disk: {error.strerror}",
            "set ORAK_DATA_DIR to a writable folder on a file system with hard links and flock",
        )
    return Finding("storage", "ok", "local disk, with hard links and locks")


async def _check_bucket(settings: Settings) -> Iterator[Finding]:
    where = settings.bucket_endpoint or "AWS"
    shown = f"bucket {settings.s3_bucket_name} at {shown_value('s3_endpoint_url', where)}"
    try:
        abilities = await _try_bucket(settings)
    except InvalidSetting as invalid:
        return iter([Finding("storage", "fail", str(invalid), invalid.hint)])
    except Unavailable as outage:
        hint = (
            "check the bucket and the keys; docs/guides/storage.md lists the permissions that orak needs"
            if hasattr(outage.__cause__, "response") or outage.__cause__ is None
            else "start the store, or correct S3_ENDPOINT_URL and S3_REGION"
        )
        return iter([Finding("storage", "fail", f"{shown}: {outage}", hint)])
    return iter([Finding("storage", "ok", shown), *map(_finding, abilities.described())])


async def _try_bucket(settings: Settings) -> Abilities:
    async with open_parts(settings, "storage") as container:
        storage = await made(container.storage)
        await storage.check()
        abilities: Abilities = await storage.learn((settings.own_origin, *settings.foreign_origins))
        return abilities


def _finding(ability: Ability) -> Finding:
    level: Level = "ok" if ability.is_present else "fail" if ability.is_vital else "warn"
    return Finding(ability.name, level, ability.detail, ability.hint)
