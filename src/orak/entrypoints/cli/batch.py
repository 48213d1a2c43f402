from collections.abc import Iterable
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.output import console, is_piped, json_lines, labelled, table
from orak.entrypoints.cli.remote import orak_at, remote_options

if TYPE_CHECKING:
    from datetime import datetime

    from orak.client import OperatedUpload, Statistics


@click.group()
def batch() -> None:
    """Watch and control background conversion, as an operator.

    The token needs the scope `admin`: make one with `orak token --scope admin`. Prints tables on a terminal
    and JSON lines in a pipe.
    """


@batch.command("size")
@click.argument("size", metavar="[N]", type=int, required=False)
@remote_options
def set_size(size: int | None, url: str | None, token: str | None) -> None:
    """Print the batch size, or set it for every worker.

    The size is the number of uploads that one batch of one process may start, 1 to 1000. It holds from the
    next batch on, until it is set again.
    """
    with orak_at(url, token) as orak:
        click.echo(orak.batch.statistics().batch_size if size is None else orak.batch.set_size(size))


@batch.command("trigger")
@remote_options
def trigger(url: str | None, token: str | None) -> None:
    """Start a batch in every worker within a second, instead of at the next interval."""
    with orak_at(url, token) as orak:
        orak.batch.trigger()


@batch.command("stats")
@remote_options
def show_statistics(url: str | None, token: str | None) -> None:
    """Show conversion statistics over all processes."""
    with orak_at(url, token) as orak:
        found = orak.batch.statistics()
    if is_piped():
        json_lines([found])
        return
    labelled(
        console(),
        [
            ("waiting", _waiting(found)),
            ("converting", str(found.active_jobs)),
            ("completed", str(found.completed_count)),
            ("failed", str(found.failed_count)),
            ("without a record", str(found.orphan_count)),
            ("batch size", str(found.batch_size)),
            ("jobs per process", f"{found.max_concurrent_jobs} at most"),
            ("batches", "on" if found.batch_enabled else "off"),
        ],
    )


def _waiting(found: "Statistics") -> str:
    if not found.queue_depth:
        return "0"
    users = "1 user" if found.waiting_users == 1 else f"{found.waiting_users} users"
    return f"{found.queue_depth} of {users}, the oldest for {found.oldest_waiting_seconds:.0f} s"


@batch.command("orphans")
@remote_options
def list_orphans(url: str | None, token: str | None) -> None:
    """List uploads that arrived but have no record."""
    with orak_at(url, token) as orak:
        _print(orak.batch.orphans())


@batch.command("failures")
@remote_options
def list_failures(url: str | None, token: str | None) -> None:
    """List failed uploads with the error of their last job."""
    with orak_at(url, token) as orak:
        _print(orak.batch.failures())


@batch.command("retry")
@click.argument("upload_id", metavar="UPLOAD_ID", type=click.IntRange(min=1))
@remote_options
def retry(upload_id: int, url: str | None, token: str | None) -> None:
    """Convert a failed upload of any user again."""
    with orak_at(url, token) as orak:
        _print([orak.batch.retry(upload_id)])


def _print(uploads: "Iterable[OperatedUpload]") -> None:
    if is_piped():
        json_lines(uploads)
        return
    shown = table("Upload id", "User id", "Record id", "Status", "Failure code", "Error", "Created", "Failed")
    for upload in uploads:
        shown.add_row(
            str(upload.upload_id),
            str(upload.user_id),
            str(upload.record_id or ""),
            upload.processing_status,
            upload.failure.code if upload.failure else "",
            upload.error_message or "",
            _local_time(upload.created_at),
            _local_time(upload.failed_at),
        )
    console().print(shown if shown.row_count else "No uploads.")


def _local_time(at: "datetime | None") -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M") if at else ""
