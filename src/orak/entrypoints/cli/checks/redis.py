"""Redis, if REDIS_URL is set."""

from importlib import import_module

from orak.application.ports.failures import Unavailable
from orak.entrypoints.cli.finding import Finding
from orak.entrypoints.opening import blaming, imported
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.sources import shown_value
from orak.entrypoints.settings.values import Settings


async def check_redis(settings: Settings) -> list[Finding]:
    """Check that Redis answers a ping."""
    url = settings.redis_url
    if url is None:
        return []
    shown = shown_value("redis_url", url)
    try:
        with blaming("REDIS_URL"):
            import_module("orak.adapters.queues.taskiq_broker")  # `serve` and `worker` need taskiq, too
            await imported("orak.adapters.redis.link:check_redis")(url)
    except InvalidSetting as invalid:
        return [Finding("redis", "fail", str(invalid), invalid.hint)]
    except Unavailable as outage:
        hint = "start Redis, or correct REDIS_URL; while Redis is down, orak works but more slowly"
        return [Finding("redis", "fail", f"{shown}: {outage}", hint)]
    return [Finding("redis", "ok", shown)]
