from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.options import data_dir_option, load_settings, port_option

if TYPE_CHECKING:
    import socket

    from orak.entrypoints.settings.values import Settings


@click.command()
@click.option("--host", metavar="ADDRESS", help="Address to listen on (default: 127.0.0.1).")
@port_option("Port to listen on; 0 is any free one (default: 8000).")
@click.option("--public-url", metavar="URL", help="URL of orak for clients (default: http://<host>:<port>).")
@data_dir_option
def serve(host: str | None, port: int | None, public_url: str | None, data_dir: Path | None) -> None:
    """Serve the HTTP API and convert in the background.

    Stop it with Ctrl-C. JWT_SECRET or JWKS_URL must be set, because orak verifies the token of every call.
    `orak config` shows all settings.
    """
    from msgspec.structs import replace

    from orak.entrypoints.cli.http_server import listen
    from orak.entrypoints.cli.signals import run_until_signal
    from orak.entrypoints.cli.tokens import check_tokens, warn_of_weak_secret
    from orak.entrypoints.settings.logs import configure_logs

    settings = load_settings(host=host, port=port, public_url=public_url, data_dir=data_dir).settings
    check_tokens(settings)
    warn_of_weak_secret(settings.jwt_secret)
    listener = listen(settings.host, settings.port)
    settings = replace(settings, port=listener.getsockname()[1])
    configure_logs(settings.log_format)
    run_until_signal(lambda: _serve(settings, listener))


async def _serve(settings: "Settings", listener: "socket.socket") -> None:
    import asyncio
    import logging

    from orak.entrypoints.cli.http_server import serving

    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # the banner replaces its startup lines
    async with serving(settings, listener):
        if settings.log_format == "text":
            _print_banner(settings)
        else:
            logging.getLogger(__name__).info("listening on %s:%d", settings.host, settings.port)
        await asyncio.Event().wait()  # until cancelled


def _print_banner(settings: "Settings") -> None:
    from rich.text import Text

    from orak.entrypoints.cli.errors import warn
    from orak.entrypoints.cli.output import console, labelled
    from orak.entrypoints.settings.sources import shown_value
    from orak.version import __version__

    screen, url = console(err=True), settings.base_url
    screen.print(Text.assemble((f"orak {__version__}", "bold"), " serves ", (url, "bold cyan")))
    labelled(
        screen,
        (
            ("API", f"{url}/records/async"),
            ("docs", f"{url}/docs"),
            ("data", "in memory" if settings.in_memory else str(settings.data_dir.absolute())),
            ("database", shown_value("database_url", settings.database)),
            ("stop", "Ctrl-C"),
        ),
    )
    if settings.public_url is None and settings.host in {"0.0.0.0", "::"}:  # noqa: S104 - not bound here
        warn(f"upload URLs lead to {url}, which other machines cannot reach: set PUBLIC_URL")
