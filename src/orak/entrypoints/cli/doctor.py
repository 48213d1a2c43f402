import sys
from pathlib import Path

import rich_click as click

from orak.entrypoints.cli.options import data_dir_option, port_option
from orak.entrypoints.cli.output import console, is_piped, json_lines

_MARKS = {"ok": ("ok", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "bold red")}


@click.command()
@click.option("--host", metavar="ADDRESS", help="Address to check, as for `serve`.")
@port_option("Port to check, as for `serve`.")
@data_dir_option
def doctor(host: str | None, port: int | None, data_dir: Path | None) -> None:
    """Check this machine and the settings.

    Nothing is changed; in a bucket, a small object is stored and removed again. The exit code is 1 if orak
    could not run.
    """
    from orak.entrypoints.cli.doctor_checks import all_checks

    findings = []
    for finding in all_checks(data_dir, host, port):
        findings.append(finding)
        if not is_piped():
            _print(finding.level, finding.name, finding.detail, finding.hint)
    if is_piped():
        json_lines(findings)
    if any(finding.level == "fail" for finding in findings):
        sys.exit(1)


def _print(level: str, name: str, detail: str, hint: str | None) -> None:
    from rich.table import Table
    from rich.text import Text

    mark, style = _MARKS[level]
    line = Table.grid(padding=(0, 2))
    line.add_column(width=4)
    line.add_column(width=10)
    line.add_column()
    line.add_row(Text(mark, style=style), Text(name, style="bold"), Text(detail, overflow="fold"))
    if hint is not None:
        line.add_row("", "", Text(hint, style="cyan", overflow="fold"))
    console().print(line)
