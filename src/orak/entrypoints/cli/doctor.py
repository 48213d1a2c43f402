import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.finding import CHECKED
from orak.entrypoints.cli.options import data_dir_option, port_option
from orak.entrypoints.cli.output import console, is_piped, json_lines

if TYPE_CHECKING:
    from rich.console import Console

    from orak.entrypoints.cli.diagnosis import Diagnosis
    from orak.entrypoints.cli.finding import Finding

_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "bold red")}


@click.command()
@click.argument("only", metavar="[CHECK]...", nargs=-1, type=click.Choice(CHECKED))
@click.option("--host", metavar="ADDRESS", help="Address to check, as for `serve`.")
@port_option("Port to check, as for `serve`.")
@data_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines on a terminal too.")
def doctor(
    only: tuple[str, ...], host: str | None, port: int | None, data_dir: Path | None, *, as_json: bool
) -> None:
    """Check this machine, the settings and every service that they name.

    With names of checks, run only these: data, database, storage, redis, events, cdn, audio, conversion,
    port, metrics, telemetry, tokens, clock.

    Nothing is changed, and orak may run meanwhile. A small object is stored in a bucket and removed again,
    and a second of sound is converted to each profile. Each check has a time limit, and none stops the
    others. The exit code is 1 if a check fails (✗).
    """
    from orak.entrypoints.cli.diagnosis import CHECKS, Diagnosis
    from orak.entrypoints.cli.finding import exit_code
    from orak.entrypoints.cli.signals import run_until_signal

    checks = [check for check in CHECKS if not only or check.name in only]
    diagnosis = Diagnosis({"data_dir": data_dir, "host": host, "port": port}, checks)
    findings: list[Finding] = []
    is_complete = False

    async def diagnose() -> None:
        nonlocal is_complete
        if as_json or is_piped():
            async for finding in diagnosis.findings():
                findings.append(finding)
                json_lines([finding])
        else:
            await _show(diagnosis, findings)
        is_complete = True
        if diagnosis.hangs:
            # Threads and processes that hang would keep this process from ending.
            sys.stdout.flush()
            os._exit(exit_code(findings))

    with _quiet_logs():
        run_until_signal(diagnose)
    if not is_complete:
        raise click.Abort
    sys.exit(exit_code(findings))


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Keep warnings of what is checked off the terminal: the findings say the same."""
    handler = logging.NullHandler()
    logging.root.addHandler(handler)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)


async def _show(diagnosis: "Diagnosis", findings: list["Finding"]) -> None:
    """Print a line for each finding, with its hint below it, and a summary."""
    screen = console()
    with screen.status("") as status:
        async for finding in diagnosis.findings(lambda name: status.update(f"checking: {name}")):
            findings.append(finding)
            _print(screen, finding)
    screen.print(_summary(findings), style="bold")


def _print(screen: "Console", finding: "Finding") -> None:
    from rich.table import Table
    from rich.text import Text

    mark, style = _MARKS[finding.level]
    line = Table.grid(padding=(0, 2))
    line.add_column(width=1)
    line.add_column(width=10)
    line.add_column()
    line.add_row(
        Text(mark, style=style), Text(finding.name, style="bold"), Text(finding.detail, overflow="fold")
    )
    if finding.hint is not None:
        line.add_row("", "", Text(f"hint: {finding.hint}", style="cyan", overflow="fold"))
    screen.print(line)


def _summary(findings: list["Finding"]) -> str:
    levels = [finding.level for finding in findings]
    failed, warned = levels.count("fail"), levels.count("warn")
    if not failed and not warned:
        return "All checks passed."
    told = [f"{failed} failed"] * bool(failed) + [f"{warned} to look at"] * bool(warned)
    return f"{', '.join(told)}, {levels.count('ok')} passed."
