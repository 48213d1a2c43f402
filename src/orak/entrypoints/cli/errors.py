"""How commands fail: an `error:` line, a `hint:` line and an exit code, never a traceback."""

import os
import sys
from collections.abc import Sequence
from typing import Any

import rich_click as click

_INTERRUPTED = 130  # 128 + SIGINT, the convention of shells


class CommandError(click.ClickException):
    """A failure of a command, with a message and a hint. Exit code 1."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class SettingError(CommandError):
    """A setting is missing or cannot be used. Exit code 2, as for a wrong option."""

    exit_code = 2


class ErrorReportingGroup(click.RichGroup):
    """The top-level group. It reports every error of its commands as `error:` and `hint:` lines."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002 - click's signature
        **extra: Any,  # noqa: ANN401 - click's signature
    ) -> Any:  # noqa: ANN401 - click's signature
        """Run a command and exit. ORAK_DEBUG=1 raises unexpected errors with their traceback."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        _replace_unprintable_characters()
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except Exception as error:
            if os.environ.get("ORAK_DEBUG") and not isinstance(error, click.ClickException | click.Abort):
                raise
            sys.exit(_report(error))
        sys.exit(code if isinstance(code, int) else 0)


def warn(message: str) -> None:
    """Print a `warning:` line on standard error; the command goes on."""
    _print_line("warning", "yellow", message)


def _report(error: Exception) -> int:
    """Print *error* and its hint; return the exit code."""
    from orak.entrypoints.settings.checks import InvalidSetting

    if isinstance(error, click.Abort):
        return _INTERRUPTED
    message, hint = _message_and_hint(error)
    _print_line("error", "red", message)
    if hint:
        _print_line("hint", "cyan", hint)
    if isinstance(error, InvalidSetting):
        return SettingError.exit_code
    return error.exit_code if isinstance(error, click.ClickException) else 1


def _message_and_hint(error: Exception) -> tuple[str, str | None]:
    from orak.application.ports.failures import Unavailable
    from orak.entrypoints.settings.checks import InvalidSetting

    match error:
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else "orak"
            return error.format_message(), f"run `{command} --help`"
        case CommandError() | InvalidSetting():  # an InvalidSetting that was found while starting
            return str(error), error.hint
        case click.ClickException():
            return error.format_message(), None
        case Unavailable():
            return str(error), "run `orak doctor` to check what orak needs"
        case OSError():
            return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", None
        case _:
            first_line = str(error).partition("\n")[0]
            message = f"unexpected {type(error).__name__}{': ' + first_line if first_line else ''}"
            return message, f"this is a bug: report it with the traceback in {_saved_traceback(error)}"


def _replace_unprintable_characters() -> None:
    """Print a question mark for what the terminal's encoding lacks (Hangul in ASCII) instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # tests replace the streams by ones without it
            stream.reconfigure(errors="replace")


def _print_line(word: str, colour: str, message: str) -> None:
    first, *rest = message.splitlines() or [""]
    click.echo(f"{click.style(f'{word}:', fg=colour, bold=True)} {first}", err=True)
    for line in rest:
        click.echo(f"  {line}", err=True)


def _saved_traceback(error: Exception) -> str:
    """Save the traceback to a file that only its user can read; return the file's name."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", prefix="orak-error-", suffix=".log", encoding="utf-8", delete=False
    ) as log:
        traceback.print_exception(error, file=log)
    return log.name
