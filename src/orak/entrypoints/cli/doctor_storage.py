"""The checks of `orak doctor` for the object store, one finding for each of its abilities."""

import asyncio
from collections.abc import Iterator

from orak.adapters.storage.abilities import Abilities, Ability
from orak.application.ports.failures import Unavailable
from orak.entrypoints.cli.finding import Finding
from orak.entrypoints.opening import made
from orak.entrypoints.running import open_parts
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.sources import shown_value
from orak.entrypoints.settings.values import Settings


def check_storage(settings: Settings) -> Iterator[Finding]:
    """Check that the store answers, then what it can do."""
    if settings.storage_kind == "memory":
        yield Finding("storage", "ok", "in memory; its objects are lost when orak stops")
        return
    if settings.s3_bucket_name is None:
        yield Finding("storage", "ok", "local disk")
        return
    where = settings.s3_endpoint_url or settings.aws_endpoint_url or "AWS"
    shown = f"bucket {settings.s3_bucket_name} at {shown_value('s3_endpoint_url', where)}"
    try:
        abilities = asyncio.run(_try_bucket(settings))
    except InvalidSetting as invalid:
        yield Finding("storage", "fail", str(invalid), invalid.hint)
    except Unavailable as outage:
        yield Finding(
            "storage",
            "fail",
            f"{shown}: {outage}",
            "check the bucket and the keys; docs/guides/storage.md lists the permissions that orak needs",
        )
    else:
        yield Finding("storage", "ok", shown)
        yield from map(_finding, abilities.described())


async def _try_bucket(settings: Settings) -> Abilities:
    async with open_parts(settings, "storage") as container:
        storage = await made(container.storage)
        await storage.check()
        abilities: Abilities = await storage.learn((settings.own_origin, *settings.foreign_origins))
        return abilities


def _finding(ability: Ability) -> Finding:
    return Finding(ability.name, "ok" if ability.is_present else "warn", ability.detail, ability.hint)
