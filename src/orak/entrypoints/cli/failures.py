"""How a command fails: an `error:` line, a `hint:` line, an exit code, and never a trace."""

import os
import sys
from collections.abc import Sequence
from typing import Any

import rich_click as click

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class Failure(click.ClickException):
    """A command cannot do its work; says why, and what would help."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class WrongSetting(Failure):
    """A setting cannot be used, or lacks: like a wrong option, this is for whoever starts orak to mend."""

    exit_code = 2


class ErrorLines(click.RichGroup):
    """The group at the top: whatever goes wrong below it ends in lines that people and scripts can read."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002 - click's own signature
        **extra: Any,  # noqa: ANN401 - the same
    ) -> Any:  # noqa: ANN401 - the same
        """Run the command line and exit; ORAK_DEBUG=1 lets the traces of surprises through."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        _tolerate_ascii_terminals()
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except Exception as error:
            if os.environ.get("ORAK_DEBUG") and not isinstance(error, click.ClickException | click.Abort):
                raise
            sys.exit(_tell(error))
        sys.exit(code if isinstance(code, int) else 0)


def warn(message: str) -> None:
    """Say something that does not end the command."""
    _line("warning", "yellow", message)


def _tell(error: Exception) -> int:
    """Say what went wrong; return the exit code."""
    from orak.entrypoints.settings.checks import InvalidSetting

    if isinstance(error, click.Abort):
        return _INTERRUPTED
    message, hint = _words(error)
    _line("error", "red", message)
    if hint:
        _line("hint", "cyan", hint)
    if isinstance(error, InvalidSetting):
        return WrongSetting.exit_code
    return error.exit_code if isinstance(error, click.ClickException) else 1


def _words(error: Exception) -> tuple[str, str | None]:
    from orak.application.ports.failures import Unavailable
    from orak.entrypoints.settings.checks import InvalidSetting

    match error:
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else "orak"
            return error.format_message(), f"see `{command} --help`"
        case Failure() | InvalidSetting():  # the latter found out while starting
            return str(error), error.hint
        case click.ClickException():
            return error.format_message(), None
        case Unavailable():
            return str(error), "`orak doctor` looks at what orak needs"
        case OSError():
            return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", None
        case _:
            said = str(error).partition("\n")[0]
            trace = f"this is a bug in orak; the trace is in {_kept_trace(error)}"
            return f"unexpected {type(error).__name__}{': ' + said if said else ''}", trace


def _tolerate_ascii_terminals() -> None:
    """Let a title in Hangul come out as question marks where it cannot be shown, and break nothing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a test's stand-in has it not
            stream.reconfigure(errors="replace")


def _line(word: str, colour: str, message: str) -> None:
    first, *rest = message.splitlines() or [""]
    click.echo(f"{click.style(f'{word}:', fg=colour, bold=True)} {first}", err=True)
    for line in rest:
        click.echo(f"  {line}", err=True)


def _kept_trace(error: Exception) -> str:
    """Keep the trace of what nobody foresaw in a file that only its user can read; return the file's name."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", prefix="orak-error-", suffix=".log", encoding="utf-8", delete=False
    ) as log:
        traceback.print_exception(error, file=log)
    return log.name
