from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.errors import CommandError, SettingError
from orak.entrypoints.cli.options import data_dir_option, load_settings, port_option

if TYPE_CHECKING:
    import socket

    from rich.console import Console

    from orak.entrypoints.settings.values import Settings

_TOKEN_DAYS = 30
_PORTS_TO_TRY = 50


@click.command()
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
)
@click.option("--once", is_flag=True, help="Exit after the last step.")
@port_option("Port to listen on (default: 8000, or the next free one).")
@data_dir_option
def demo(*, file: Path | None, once: bool, port: int | None, data_dir: Path | None) -> None:
    """Upload and convert a recording, then serve.

    FILE goes through the real HTTP API: presign, upload, record, conversion, playback. Without FILE, orak
    sings a verse of Arirang. The exit code is 1 if the conversion failed. The database, objects and keys are
    in one folder, and nothing else is needed.
    """
    import logging

    from orak.entrypoints.cli.output import console
    from orak.entrypoints.cli.signals import run_until_signal
    from orak.entrypoints.cli.tokens import signed_token
    from orak.entrypoints.settings.logs import configure_logs
    from orak.version import __version__

    screen = console()
    settings = _demo_settings(port, data_dir)
    screen.print(f"orak {__version__}, everything in {settings.data_dir}\n", style="bold", soft_wrap=True)
    token = signed_token(settings, str(settings.jwt_secret), user=1, scopes=("admin",), days=_TOKEN_DAYS)
    configure_logs(settings.log_format)
    logging.getLogger().setLevel(logging.WARNING)
    run_until_signal(lambda: _run(screen, settings, token, file, any_port=port is None, once=once))
    if not once:
        screen.print(f"\nStopped. All data stays in {settings.data_dir}.", soft_wrap=True)


def _demo_settings(port: int | None, data_dir: Path | None) -> "Settings":
    """Return settings that keep everything in one folder, whatever databases and URLs are configured."""
    from msgspec.structs import replace

    from orak.entrypoints.cli.tokens import demo_secret

    settings = load_settings(port=port, data_dir=data_dir).settings
    if settings.in_memory:
        raise SettingError(
            "ORAK_DATA_DIR is memory:, but the demo keeps its files in a folder",
            "unset ORAK_DATA_DIR, or name a folder with --data-dir",
        )
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


async def _run(
    screen: "Console", settings: "Settings", token: str, file: Path | None, *, any_port: bool, once: bool
) -> None:
    import asyncio
    import logging
    from contextlib import AsyncExitStack

    from orak.entrypoints.cli.output import step
    from orak.entrypoints.cli.remote import client_errors

    async with AsyncExitStack() as stack:
        with step(screen, "start") as note:
            from orak.entrypoints.cli.demo_walkthrough import walk_through
            from orak.entrypoints.cli.http_server import serving

            listener, settings = _listen(settings, any_port=any_port)
            url = settings.base_url
            await stack.enter_async_context(serving(settings, listener))
            note(f"SQLite, local disk, and the API at {url}")
        with client_errors(url):
            record = await walk_through(screen, url, token, file, settings.data_dir / "demo")
        if record.failure is not None:
            raise CommandError(
                f"the recording was not converted: {record.failure.message} ({record.failure.code})"
            )
        if once:
            return
        _print_banner(screen, url, token)
        logging.getLogger("orak.access").setLevel(logging.INFO)
        await asyncio.Event().wait()  # until cancelled


def _listen(settings: "Settings", *, any_port: bool) -> tuple["socket.socket", "Settings"]:
    """Listen on the port of the settings or, with *any_port*, on the next free one."""
    from msgspec.structs import replace

    from orak.entrypoints.cli.listeners import PortInUse, listen

    last = min(settings.port + _PORTS_TO_TRY, 65535) if any_port else settings.port
    for port in range(settings.port, last + 1):
        try:
            listener = listen(settings.host, port)
        except PortInUse:
            if port == last:
                raise
        else:
            return listener, replace(settings, port=listener.getsockname()[1])
    raise AssertionError("a range of ports is never empty")


def _print_banner(screen: "Console", url: str, token: str) -> None:
    from orak.entrypoints.cli.output import labelled

    screen.print(f"\nServing {url} until Ctrl-C", style="bold", soft_wrap=True)
    # The token is in the fragment: browsers do not send it, and the page removes it from the address bar.
    labelled(
        screen,
        (("page", f"{url}/#token={token}"), ("API", f"{url}/records/async"), ("docs", f"{url}/docs")),
    )
    screen.print(
        f"\nIn another terminal, as user 1 (the token is valid for {_TOKEN_DAYS} days)", style="bold"
    )
    for line in (
        f"export ORAK_URL={url} ORAK_TOKEN={token}",
        f'curl -H "Authorization: Bearer $ORAK_TOKEN" {url}/records/async/me',
        "orak records list",
        "orak upload FILE --title TITLE --wait",
    ):
        screen.print(line, soft_wrap=True)
    screen.print()
