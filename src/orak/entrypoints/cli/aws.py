from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.failures import warn
from orak.entrypoints.cli.options import load_settings
from orak.entrypoints.cli.screen import console, is_piped, json_lines, table

if TYPE_CHECKING:
    from orak.adapters.aws.pathway import Pathway
    from orak.adapters.aws.setup import SetupResult
    from orak.entrypoints.settings.values import Settings

_DONE = {"right": "is right", "missing": "made", "different": "mended"}
_TO_DO = {"right": "is right", "missing": "to be made", "different": "to be mended"}

_queue_option = click.option(
    "--queue", metavar="NAME", help="Name of the queue; by default that of SQS_QUEUE_URL."
)


@click.group()
def aws() -> None:
    """Have events on AWS start the work: bus, rules, queue and permissions."""


@aws.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines, as into a pipe.")
@_queue_option
def setup(dry_run: bool, as_json: bool, queue: str | None) -> None:  # noqa: FBT001 - click's own way
    """Make what is missing between orak and its workers on AWS, and mend what would not work.

    Makes the bus, a rule for orak's events, a queue with one for dead letters, and the permission to
    deliver; with S3_BUCKET_NAME, a rule for the bucket's arrivals too, and turns its events on beside the
    notifications that it has. Nothing is removed, and it may be run again at any time. At the end stand the
    lines for orak's settings.
    """
    import asyncio

    settings = load_settings().settings
    pathway = _pathway(settings, queue)
    made = asyncio.run(_set_up(settings, pathway, dry_run=dry_run))
    lines = {"EVENTBRIDGE_BUS_NAME": pathway.bus, "EVENTBRIDGE_RULE_NAME": pathway.rule}
    if made.queue_url is not None:
        lines["SQS_QUEUE_URL"] = made.queue_url
    if as_json or is_piped():
        said = _TO_DO if dry_run else _DONE
        json_lines({"kind": one.kind, "name": one.name, "state": said[one.found]} for one in made.steps)
        json_lines([{"settings": lines}])
        return
    _show(made, lines, dry_run=dry_run)


@aws.command()
@_queue_option
def template(queue: str | None) -> None:
    """Print the same as a CloudFormation template, in JSON.

    Its parameters' defaults are the present settings.
    """
    import json

    from orak.adapters.aws.template import template

    click.echo(json.dumps(template(_pathway(load_settings().settings, queue)), indent=2))


def _pathway(settings: "Settings", queue: str | None) -> "Pathway":
    from orak.adapters.aws.pathway import Pathway
    from orak.entrypoints.settings.checks import InvalidSetting

    if (settings.eventbridge_bus_name or "").startswith("arn:"):
        raise InvalidSetting(
            "EVENTBRIDGE_BUS_NAME", "is an ARN, maybe of another account", "set the bus's name for this"
        )
    named = {
        "bus": settings.eventbridge_bus_name,
        "rule": settings.eventbridge_rule_name,
        "queue": queue or (settings.sqs_queue_url or "").rstrip("/").rpartition("/")[2],
        "bucket": _telling_bucket(settings),
    }
    return Pathway(**{name: value for name, value in named.items() if value})


def _telling_bucket(settings: "Settings") -> str | None:
    """Return the bucket, if its events can come to where bus and queue are."""
    bucket = settings.s3_bucket_name
    if bucket is None:
        return None
    if settings.s3_endpoint_url not in {None, settings.aws_endpoint_url}:
        warn(f"the bucket {bucket} is at S3_ENDPOINT_URL, from where no events come: it is left out")
        return None
    if None not in {settings.s3_region, settings.aws_region} and settings.s3_region != settings.aws_region:
        warn(f"the events of the bucket {bucket} come in S3_REGION, not in AWS_REGION: it is left out")
        return None
    return bucket


async def _set_up(settings: "Settings", pathway: "Pathway", *, dry_run: bool) -> "SetupResult":
    from orak.entrypoints.aws import open_setup

    async with open_setup(settings, pathway, dry_run=dry_run) as set_up:
        return await set_up()


def _show(made: "SetupResult", lines: dict[str, str], *, dry_run: bool) -> None:
    said = _TO_DO if dry_run else _DONE
    shown = table("What", "Name", "")
    for one in made.steps:
        shown.add_row(one.kind, one.name, said[one.found])
    console().print(shown)
    click.echo()
    for name, value in lines.items():
        click.echo(f"{name}={value}")
