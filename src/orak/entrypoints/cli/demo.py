from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.failures import Failure
from orak.entrypoints.cli.options import data_dir_option, load_settings

if TYPE_CHECKING:
    import socket

    from rich.console import Console

    from orak.entrypoints.settings.values import Settings

_TOKEN_DAYS = 30
_NEXT_PORTS = 50


@click.command()
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
)
@click.option("--once", is_flag=True, help="End after the steps.")
@click.option(
    "--port",
    metavar="PORT",
    type=click.IntRange(0, 65535),
    help="Port to listen on (default: 8000, or the next that is free).",
)
@data_dir_option
def demo(*, file: Path | None, once: bool, port: int | None, data_dir: Path | None) -> None:
    """Take a recording all the way through orak, then serve.

    FILE, or a verse of Arirang that orak sings itself, goes through the real HTTP API: presign, upload,
    record, conversion, playback; the exit code is 1 if it could not be converted. Database, objects and keys
    are all in one folder; nothing else is needed.
    """
    import logging

    from orak import __version__
    from orak.entrypoints.cli.screen import console
    from orak.entrypoints.cli.signals import run_until_signal
    from orak.entrypoints.cli.tokens import signed_token
    from orak.entrypoints.settings.logs import configure_logs

    screen = console()
    settings = _own_settings(port, data_dir)
    screen.print(f"orak {__version__}, everything in {settings.data_dir}\n", style="bold", soft_wrap=True)
    listener, settings = _listening(settings, exactly=port is not None)
    token = signed_token(settings, str(settings.jwt_secret), user=1, scopes=("admin",), days=_TOKEN_DAYS)
    configure_logs(settings.log_format)
    logging.getLogger().setLevel(logging.WARNING)
    run_until_signal(lambda: _demonstrate(screen, settings, listener, token, file, once=once))
    if not once:
        screen.print(f"\nStopped. What was made stays in {settings.data_dir}.", soft_wrap=True)


def _own_settings(port: int | None, data_dir: Path | None) -> "Settings":
    """Keep everything in one folder: what else is set of databases, URLs and issuers is not for the demo."""
    from msgspec.structs import replace

    from orak.entrypoints.cli.tokens import demo_secret

    settings = load_settings(port=port, data_dir=data_dir).settings
    settings = replace(
        settings,
        database_url=None,
        s3_bucket_name=None,
        eventbridge_bus_name=None,
        sqs_queue_url=None,
        redis_url=None,
        webhook_url=None,
        webhook_secret=None,
        public_url=None,
        cdn_base_url=None,
        jwks_url=None,
        jwt_issuer=None,
        jwt_audience=None,
        jwt_algorithms=(),
        batch_enabled=True,
    )
    return replace(settings, jwt_secret=settings.jwt_secret or demo_secret(settings))


def _listening(settings: "Settings", *, exactly: bool) -> tuple["socket.socket", "Settings"]:
    """Listen where the settings say, or on the next free port."""
    from msgspec.structs import replace

    from orak.entrypoints.cli.listening import PortTaken, listen

    last = settings.port if exactly else min(settings.port + _NEXT_PORTS, 65535)
    for port in range(settings.port, last + 1):
        try:
            listener = listen(settings.host, port)
        except PortTaken:
            if port == last:
                raise
        else:
            return listener, replace(settings, port=listener.getsockname()[1])
    raise AssertionError("a range of ports is never empty")


async def _demonstrate(
    screen: "Console",
    settings: "Settings",
    listener: "socket.socket",
    token: str,
    file: Path | None,
    *,
    once: bool,
) -> None:
    import asyncio
    import logging
    from contextlib import AsyncExitStack

    from orak.entrypoints.cli.remote import client_failures
    from orak.entrypoints.cli.steps import step

    url = settings.base_url
    async with AsyncExitStack() as stack:
        with step(screen, "start") as note:
            from orak.entrypoints.cli.serving import serving
            from orak.entrypoints.cli.walkthrough import walk_through

            await stack.enter_async_context(serving(settings, listener))
            note(f"SQLite, local disk, and the API at {url}")
        with client_failures(url):
            record = await walk_through(screen, url, token, file, settings.data_dir / "demo")
        if record.failure is not None:
            raise Failure(f"the take was not converted: {record.failure.message} ({record.failure.code})")
        if once:
            return
        _print_banner(screen, url, token)
        logging.getLogger("orak.access").setLevel(logging.INFO)
        await asyncio.Event().wait()  # until cancelled


def _print_banner(screen: "Console", url: str, token: str) -> None:
    from orak.entrypoints.cli.screen import labelled

    screen.print(f"\nServing {url} until Ctrl-C", style="bold", soft_wrap=True)
    # The token stands behind the #: a browser sends that to nobody, and the page takes it out of its address.
    labelled(
        screen,
        (("page", f"{url}/#token={token}"), ("API", f"{url}/records/async"), ("docs", f"{url}/docs")),
    )
    screen.print(f"\nIn another terminal, as user 1 for {_TOKEN_DAYS} days", style="bold")
    for line in (
        f"export ORAK_URL={url} ORAK_TOKEN={token}",
        f'curl -H "Authorization: Bearer $ORAK_TOKEN" {url}/records/async/me',
        "orak records list",
        "orak upload FILE --title TITLE --wait",
    ):
        screen.print(line, soft_wrap=True)
    screen.print()
