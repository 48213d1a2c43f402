"""The command line. Commands import what they need when they run, so that `orak --help` is fast."""

import rich_click as click

from orak.entrypoints.cli.aws import aws
from orak.entrypoints.cli.batch import batch
from orak.entrypoints.cli.cdn import cdn
from orak.entrypoints.cli.completion import completion
from orak.entrypoints.cli.config import config
from orak.entrypoints.cli.db import db
from orak.entrypoints.cli.demo import demo
from orak.entrypoints.cli.doctor import doctor
from orak.entrypoints.cli.errors import ErrorReportingGroup
from orak.entrypoints.cli.events import events
from orak.entrypoints.cli.records import records
from orak.entrypoints.cli.serve import serve
from orak.entrypoints.cli.songs import songs
from orak.entrypoints.cli.sweep import sweep
from orak.entrypoints.cli.tokens import token
from orak.entrypoints.cli.upload import upload
from orak.entrypoints.cli.worker import worker
from orak.version import __version__

_COMMANDS = (
    demo,
    serve,
    worker,
    upload,
    records,
    batch,
    events,
    token,
    songs,
    db,
    sweep,
    cdn,
    config,
    doctor,
    aws,
    completion,
)


_CONTEXT = {
    "help_option_names": ["-h", "--help"],
    "rich_help_config": {
        "theme": "default-slim",
        "max_width": 100,
        "options_table_help_sections": ["help", "required", "default"],
    },
}


@click.group(cls=ErrorReportingGroup, context_settings=_CONTEXT)
@click.command_panel("Run", commands=["demo", "serve", "worker"])
@click.command_panel("Record", commands=["upload", "records"])
@click.command_panel("Operate", commands=["batch", "events", "token", "songs", "db", "sweep", "cdn"])
@click.command_panel("Set up", commands=["config", "doctor", "aws", "completion"])
@click.version_option(__version__, "-V", "--version", prog_name="orak", message="%(prog)s %(version)s")
def main() -> None:
    """The recording service of a karaoke app: upload, convert, play back.

    `orak demo` shows everything in a few seconds. It needs no setup.
    """


for _command in _COMMANDS:
    main.add_command(_command)
