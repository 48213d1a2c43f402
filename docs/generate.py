"""Write docs/reference from the code: settings, commands, ports and calls.

`just fix` runs this, and a test fails when a page no longer says what the code says.
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import get_type_hints

import click
from msgspec.structs import fields

from orak.entrypoints.cli import main
from orak.entrypoints.cli.remote import remote_settings
from orak.entrypoints.http.app import API
from orak.entrypoints.settings.later import LATER_SETTINGS
from orak.entrypoints.settings.sources import describe, expectation, shown_value, variable_names
from orak.entrypoints.settings.values import Settings

REFERENCE = Path(__file__).parent / "reference"
PORTS = Path(__file__).parents[1] / "src" / "orak" / "application" / "ports"
_WIDTH = 100
_NOTE = "<!-- Written by docs/generate.py; `just fix` writes it again. -->"


def pages() -> dict[str, str]:
    """Return the reference pages by file name."""
    made = {
        "settings.md": _settings(),
        "cli.md": _commands(),
        "ports.md": _ports(),
        "calls.md": _calls(),
    }
    return {name: f"{_NOTE}\n\n{text.rstrip()}\n" for name, text in made.items()}


def _settings() -> str:
    lines = [
        "# Settings",
        "",
        _prose(
            "A flag beats an environment variable, which beats `.env`, which beats the default. "
            "`ORAK_X` overrides `X`. An empty variable counts as unset. A value that cannot be used "
            "ends the command with one line that names the variable. `orak config` shows the values "
            "in use and their origins."
        ),
        "",
        "| setting | default | accepts | meaning |",
        "| --- | --- | --- | --- |",
    ]
    kinds = get_type_hints(Settings, include_extras=True)
    for field in fields(Settings):
        kind = kinds[field.name]
        default = shown_value(field.name, field.default)
        lines.append(
            _row(
                f"`{variable_names(field.name)[-1]}`",
                f"`{default}`" if default else "none",
                expectation(kind),
                describe(kind),
            )
        )
    lines += ["", "## Settings of later releases", ""]
    lines += [
        _prose(
            "These have no effect yet. orak accepts them at the values below and refuses others, so that no "
            "limit or key is ignored."
        ),
        "",
        "| setting | accepted | meaning |",
        "| --- | --- | --- |",
    ]
    for later in LATER_SETTINGS:
        accepted = ", ".join(f"`{value}`" for value in later.accepted) or "none"
        lines.append(_row(f"`{later.name}`", accepted, later.meaning))
    lines += ["", "## Variables of OpenTelemetry", ""]
    lines += [
        _prose(
            "`orak serve` and `orak worker` read the standard variables of OpenTelemetry, from `.env` too. "
            "[Tracing](../guides/tracing.md) says what they export. `orak config` shows those that are set."
        )
    ]
    lines += ["", "## Settings of the client commands", "", "| setting | meaning |", "| --- | --- |"]
    lines += [_row(f"`{setting.name}`", setting.meaning) for setting in remote_settings()]
    return "\n".join(lines)


def _commands() -> str:
    introduction = _prose(
        "Every command explains itself with `--help`. On a terminal, lists are tables; piped, they "
        "are JSON lines. Errors are one `error:` line and often a `hint:` line on standard error."
    )
    return "\n\n".join(["# Commands", introduction, *_subcommands(main, "orak", "##")])


def _subcommands(group: click.Group, prefix: str, heading: str) -> Iterator[str]:
    for name, command in group.commands.items():
        path = f"{prefix} {name}"
        context = click.Context(command, info_name=path, terminal_width=_WIDTH)
        yield f"{heading} {path}"
        yield f"```\n{' '.join(command.get_usage(context).removeprefix('Usage: ').split())}\n```"
        yield _prose(command.help or "")
        if options := list(_options(command, context)):
            yield "\n".join(["| option | meaning |", "| --- | --- |", *options])
        if isinstance(command, click.Group):
            yield from _subcommands(command, path, f"{heading}#")


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record is not None:
            yield _row(f"`{record[0]}`", " ".join(record[1].split()))


def _ports() -> str:
    introduction = _prose(
        "A port is a role that the use cases need and an adapter fills. Its docstring is the "
        "contract, and the contract suites in `tests/contracts` run over every adapter. Adapters do "
        "not inherit from ports: mypy checks the structure."
    )
    sections = [section for path in sorted(PORTS.glob("*.py")) for section in _ports_of(path)]
    return "\n\n".join(["# Ports", introduction, *sections])


def _ports_of(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Protocol" for base in node.bases):
            yield f"## {node.name}"
            yield f"`orak.application.ports.{path.stem}`"
            yield _prose(ast.get_docstring(node) or "")
            methods = [method for method in node.body if isinstance(method, _FUNCTIONS)]
            yield "\n\n".join(_method(method) for method in methods)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _method(method: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    method.args.args = method.args.args[1:]  # without self
    awaited = "async " if isinstance(method, ast.AsyncFunctionDef) else ""
    result = f" -> {ast.unparse(method.returns)}" if method.returns else ""
    text = _prose(ast.get_docstring(method) or "", indent="  ")
    return f"- `{awaited}{method.name}({ast.unparse(method.args)}){result}`\n\n{text}".rstrip()


def _calls() -> str:
    lines = [
        "# Calls",
        "",
        _prose(
            "Every call of the JSON API and its one handler, in `entrypoints/http/routes/`. HEAD is answered "
            "by the handler of GET, and OPTIONS by the dispatcher. Litestar serves the live streams, the "
            "objects, the pages and this documentation."
        ),
        "",
        "| method | path | handler | module | caller |",
        "| --- | --- | --- | --- | --- |",
    ]
    for routes in API:
        for route in routes:
            caller = "operator" if route.is_for_operators else "anyone" if route.is_public else "user"
            module = route.handler.__module__.rpartition(".")[2]
            handler = f"`{route.handler.__name__}`"
            lines.append(_row(route.method, f"`{route.path}`", handler, f"`{module}.py`", caller))
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return f"| {' | '.join(_escaped(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def _escaped(text: str) -> str:
    """Keep `<name>` from being read as a tag; spans of code show it as it is."""
    return "".join(
        part if part.startswith("`") else part.replace("<", "&lt;") for part in re.split(r"(`[^`]*`)", text)
    )


def _prose(text: str, indent: str = "") -> str:
    """Wrap the paragraphs of *text*, never within a span of code; indented lines keep their breaks."""
    return "\n\n".join(
        textwrap.indent(paragraph, indent)
        if re.search(r"^ ", paragraph, re.MULTILINE)
        else _filled(paragraph, indent)
        for paragraph in _escaped(cleandoc(text)).split("\n\n")
        if paragraph
    )


def _filled(paragraph: str, indent: str) -> str:
    whole = re.sub(r"`[^`]*`", lambda span: re.sub(r"\s+", "\0", span[0]), paragraph)
    lines = textwrap.wrap(whole, _WIDTH - len(indent), break_long_words=False, break_on_hyphens=False)
    return "\n".join(indent + line.replace("\0", " ") for line in lines)


if __name__ == "__main__":
    for name, text in pages().items():
        (REFERENCE / name).write_text(text)
