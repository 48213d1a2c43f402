"""The `orak` commands that documents show, and whether the command line has them."""

import re
from collections.abc import Iterator

import click

from orak.entrypoints.cli import main

_BLOCK = re.compile(r"^```(?:sh|console|bash)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`(orak [^`\n]+)`")
_COMMAND = re.compile(r"(?:^|[\s(;&|\"'])orak ([^|;&)>\n#\"']*)", re.MULTILINE)
_WORD = re.compile(r"[a-z][a-z-]*")


def commands(markdown: str) -> Iterator[list[str]]:
    """Return the arguments of each `orak` command in shell blocks and code spans."""
    shells = [re.sub(r"(^|\s)#.*", "", block) for block in _BLOCK.findall(markdown)]
    prose = re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE)
    for text in (*shells, *_SPAN.findall(prose)):
        for arguments in _COMMAND.findall(text.replace("\\\n", " ")):
            yield arguments.split()


def problem(arguments: list[str]) -> str | None:
    """Return what the command line does not know of *arguments*, or None."""
    command: click.Command = main
    context = click.Context(main)
    words = list(arguments)
    while isinstance(command, click.Group) and words and _WORD.fullmatch(words[0]):
        found = command.get_command(context, words[0])
        if found is None:
            return f"no command {' '.join(arguments)!r}"
        command = found
        del words[0]
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]
    return (
        f"{' '.join(arguments)!r} has no option {unknown[0]}" if unknown and unknown != ["--help"] else None
    )
