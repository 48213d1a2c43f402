from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.errors import warn
from orak.entrypoints.cli.options import load_settings
from orak.entrypoints.cli.output import console, is_piped, json_lines, table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orak.adapters.aws.pathway import Pathway
    from orak.adapters.aws.setup import Setup, SetupResult
    from orak.entrypoints.settings.values import Settings

_DONE = {"right": "ok", "missing": "created", "different": "updated"}
_PLANNED = {"right": "ok", "missing": "to create", "different": "to update"}

# JSON keeps the words that scripts already read.
_JSON_DONE = {"right": "is right", "missing": "made", "different": "mended"}
_JSON_PLANNED = {"right": "is right", "missing": "to be made", "different": "to be mended"}

_queue_option = click.option(
    "--queue",
    metavar="NAME",
    help="Name of the queue (default: the one in SQS_QUEUE_URL, or orak-processing-queue).",
)


@click.group()
def aws() -> None:
    """Set up the AWS resources that let events start conversions."""


@aws.command()
@click.option("--dry-run", is_flag=True, help="Show the changes without making them.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines on a terminal too.")
@_queue_option
def setup(dry_run: bool, as_json: bool, queue: str | None) -> None:  # noqa: FBT001 - click passes flags by name
    """Create missing AWS resources between orak and its workers, and repair wrong ones.

    Creates the event bus, a rule for its events, a queue, a queue for dead letters, and the permission to
    deliver. With S3_BUCKET_NAME, also creates a rule for the bucket's uploads and turns on the bucket's
    events; its other notifications stay. Removes nothing and may be run again at any time. The last lines
    are the settings for orak.
    """
    import asyncio

    settings = load_settings().settings
    pathway = _pathway(settings, queue)
    made = asyncio.run(_set_up(settings, pathway, dry_run=dry_run))
    lines = {"EVENTBRIDGE_BUS_NAME": pathway.bus, "EVENTBRIDGE_RULE_NAME": pathway.rule}
    if made.queue_url is not None:
        lines["SQS_QUEUE_URL"] = made.queue_url
    if as_json or is_piped():
        states = _JSON_PLANNED if dry_run else _JSON_DONE
        json_lines({"kind": one.kind, "name": one.name, "state": states[one.found]} for one in made.steps)
        json_lines([{"settings": lines}])
        return
    _show(made, lines, dry_run=dry_run)


@aws.command()
@_queue_option
def template(queue: str | None) -> None:
    """Print a CloudFormation template, as JSON: the same resources, the bucket and a CDN.

    The current settings are the defaults of its parameters. It creates a bucket and a CDN only if the
    parameters CreateBucket and CreateCdn are true.
    """
    import json

    from orak.adapters.aws.bucket_template import BucketRules
    from orak.adapters.aws.template import template

    settings = load_settings().settings
    own = () if settings.public_url is None else (settings.own_origin,)
    origins = tuple(dict.fromkeys((*own, *settings.cors_origins)))
    rules = BucketRules(settings.presign_ttl_seconds, origins=origins)
    click.echo(json.dumps(template(_pathway(settings, queue), rules), indent=2))


def _pathway(settings: "Settings", queue: str | None) -> "Pathway":
    from orak.adapters.aws.pathway import Pathway
    from orak.entrypoints.settings.checks import InvalidSetting

    if (settings.eventbridge_bus_name or "").startswith("arn:"):
        raise InvalidSetting(
            "EVENTBRIDGE_BUS_NAME",
            "is an ARN",
            "set it to the name of a bus in this account for this command",
        )
    named = {
        "bus": settings.eventbridge_bus_name,
        "rule": settings.eventbridge_rule_name,
        "queue": queue or (settings.sqs_queue_url or "").rstrip("/").rpartition("/")[2],
        "bucket": _bucket_with_events(settings),
    }
    return Pathway(**{name: value for name, value in named.items() if value})


def _bucket_with_events(settings: "Settings") -> str | None:
    """Return the bucket if its events can reach the bus and the queue."""
    bucket = settings.s3_bucket_name
    if bucket is None:
        return None
    if settings.s3_endpoint_url not in {None, settings.aws_endpoint_url}:
        warn(f"skipping bucket {bucket}: S3_ENDPOINT_URL is not the AWS of the event bus, so no events come")
        return None
    if None not in {settings.s3_region, settings.aws_region} and settings.s3_region != settings.aws_region:
        warn(f"skipping bucket {bucket}: its events are in S3_REGION, but the event bus is in AWS_REGION")
        return None
    return bucket


async def _set_up(settings: "Settings", pathway: "Pathway", *, dry_run: bool) -> "SetupResult":
    async with open_setup(settings, pathway, dry_run=dry_run) as set_up:
        return await set_up()


@asynccontextmanager
async def open_setup(settings: "Settings", pathway: "Pathway", *, dry_run: bool) -> "AsyncIterator[Setup]":
    """Open the AWS services that the setup calls. Raise `InvalidSetting` if they cannot be used."""
    from msgspec.structs import replace

    from orak.entrypoints.container import Container
    from orak.entrypoints.opening import blaming

    with blaming("EVENTBRIDGE_BUS_NAME"):
        from orak.adapters.aws.clients import open_service
        from orak.adapters.aws.setup import Setup
    config = Container(settings=settings).aws()
    bucket_config = replace(
        config,
        region=settings.s3_region or config.region,
        endpoint_url=settings.s3_endpoint_url or config.endpoint_url,
    )
    async with AsyncExitStack() as stack:
        with blaming("AWS_REGION"):
            events = await stack.enter_async_context(open_service("events", config))
            sqs = await stack.enter_async_context(open_service("sqs", config))
            s3 = await stack.enter_async_context(open_service("s3", bucket_config))
        yield Setup(events, sqs, s3, pathway, dry_run)


def _show(made: "SetupResult", lines: dict[str, str], *, dry_run: bool) -> None:
    states = _PLANNED if dry_run else _DONE
    shown = table("Kind", "Name", "State")
    for one in made.steps:
        shown.add_row(one.kind, one.name, states[one.found])
    console().print(shown)
    click.echo()
    for name, value in lines.items():
        click.echo(f"{name}={value}")
