"""EventBridge and SQS, if they are configured."""

from orak.application.ports.failures import Unavailable
from orak.entrypoints.cli.finding import Finding
from orak.entrypoints.opening import made
from orak.entrypoints.running import open_parts
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.values import Settings


async def check_events(settings: Settings) -> list[Finding]:
    """Check that bus and queue exist, each by itself."""
    found = []
    if settings.eventbridge_bus_name is not None:
        found.append(await _check(settings, "event_bus", f"bus {settings.eventbridge_bus_name}"))
    if settings.sqs_queue_url is not None:
        found.append(await _check(settings, "messages", f"queue {settings.sqs_queue_url}"))
    return found or [Finding("events", "ok", "inside orak, without EventBridge and SQS")]


async def _check(settings: Settings, part: str, shown: str) -> Finding:
    try:
        async with open_parts(settings, part) as container:
            await (await made(container.providers[part])).check()
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
