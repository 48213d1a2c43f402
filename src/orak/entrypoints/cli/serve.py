from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.options import data_dir_option, load_settings, port_option

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from orak.entrypoints.cli.drain import Drain
    from orak.entrypoints.cli.web_worker_process import Inherited
    from orak.entrypoints.settings.values import Settings

_LABEL_WIDTH = 9


@click.command()
@click.option("--host", metavar="ADDRESS", help="Address to listen on (default: 127.0.0.1).")
@port_option("Port to listen on; 0 is any free one (default: 8000).")
@click.option("--public-url", metavar="URL", help="URL of orak for clients (default: http://<host>:<port>).")
@data_dir_option
@click.option("--web-worker", type=int, nargs=7, hidden=True)  # what a process inherits from its parent
@click.option("--metrics-listener", type=int, hidden=True)  # the same, with METRICS_PORT
def serve(
    *,
    host: str | None,
    port: int | None,
    public_url: str | None,
    data_dir: Path | None,
    web_worker: tuple[int, int, int, int, int, int, int] | None,
    metrics_listener: int | None,
) -> None:
    """Serve the HTTP API and convert in the background.

    Stop it with Ctrl-C. JWT_SECRET or JWKS_URL must be set, because orak verifies the token of every call.
    With WEB_WORKERS, several processes serve the port, and SIGHUP restarts them one after the other. After
    SIGTERM, it is not ready but still answers for DRAIN_SECONDS, so that load balancers can turn away.
    `orak config` shows all settings.
    """
    from orak.entrypoints.cli.garbage import no_collection_at_start

    with no_collection_at_start():
        _run(host, port, public_url, data_dir, web_worker=web_worker, metrics_descriptor=metrics_listener)


def _run(
    host: str | None,
    port: int | None,
    public_url: str | None,
    data_dir: Path | None,
    *,
    web_worker: tuple[int, int, int, int, int, int, int] | None,
    metrics_descriptor: int | None,
) -> None:
    import logging
    import socket

    from msgspec.structs import replace

    from orak.entrypoints.cli.capacity import raise_descriptor_limit
    from orak.entrypoints.cli.drain import Drain
    from orak.entrypoints.cli.listeners import listen_together
    from orak.entrypoints.cli.metrics_server import listen_for_metrics
    from orak.entrypoints.cli.signals import run_until_signal
    from orak.entrypoints.cli.tokens import check_tokens, warn_of_weak_secret
    from orak.entrypoints.settings.logs import configure_logs
    from orak.entrypoints.telemetry.opening import check_telemetry

    settings = load_settings(host=host, port=port, public_url=public_url, data_dir=data_dir).settings
    configure_logs(settings.log_format)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # the banner replaces its startup lines
    if web_worker is not None:
        from orak.entrypoints.cli.web_worker_process import Inherited

        inherited = None if metrics_descriptor is None else socket.socket(fileno=metrics_descriptor)
        run_until_signal(lambda: _serve_for_parent(settings, Inherited(*web_worker), inherited))
        return
    check_tokens(settings)
    check_telemetry()
    warn_of_weak_secret(settings.jwt_secret)
    _check_shared(settings, settings.web_processes)
    raise_descriptor_limit()
    listeners = listen_together(settings.host, settings.port, settings.web_processes)
    metrics_listener = listen_for_metrics(settings)
    settings = replace(settings, port=listeners[0].getsockname()[1])
    drain = Drain(settings.drain_seconds)
    if len(listeners) == 1:
        run_until_signal(
            lambda: _serve(settings, listeners[0], metrics_listener, drain), _ignore_hangup, drain
        )
    else:
        _serve_with_workers(
            settings, listeners, public_url, data_dir, metrics_listener=metrics_listener, drain=drain
        )


def _check_shared(settings: "Settings", processes: int) -> None:
    """Raise `InvalidSetting` if several processes cannot share the database and the objects."""
    from orak.entrypoints.settings.checks import InvalidSetting

    if processes == 1 or (settings.database_kind == "postgresql" and settings.storage_kind != "memory"):
        return
    if settings.database_kind == "postgresql":
        problem, hint = "objects in memory", "set S3_BUCKET_NAME, or ORAK_DATA_DIR to a folder"
    else:
        kind = "SQLite" if settings.database_kind == "sqlite" else "memory"
        problem, hint = f"a database in {kind}", "set DATABASE_URL to a PostgreSQL URL"
    raise InvalidSetting(
        "WEB_WORKERS",
        f"is {settings.web_workers}, but {processes} processes cannot share {problem}",
        f"{hint}, or WEB_WORKERS to 1",
    )


def _ignore_hangup() -> None:
    import logging

    logging.getLogger(__name__).warning(
        "SIGHUP ignored: one process cannot replace itself; to restart it, end it and start it again",
        extra={"event": "restart"},
    )


async def _serve(
    settings: "Settings",
    listener: "socket.socket",
    metrics_listener: "socket.socket | None",
    drain: "Drain",
) -> None:
    import asyncio

    from orak.entrypoints.cli.garbage import started
    from orak.entrypoints.cli.http_server import serving
    from orak.entrypoints.telemetry.opening import telemetry

    async with (
        telemetry() as recorders,
        serving(settings, listener, metrics_listener=metrics_listener, telemetry=recorders) as orak,
    ):

        async def serve_on() -> None:
            await orak.drain()
            await asyncio.Event().wait()  # until the time is over: load balancers may still send calls

        drain.calls(serve_on)
        started()
        _announce(settings, metrics_listener)
        await asyncio.Event().wait()  # until cancelled


def _serve_with_workers(
    settings: "Settings",
    listeners: "Sequence[socket.socket]",
    public_url: str | None,
    data_dir: Path | None,
    *,
    metrics_listener: "socket.socket | None",
    drain: "Drain",
) -> None:
    """Serve in a process for each listener, and the metrics in any of them.

    Each loads the settings anew, so that a restart applies changes.
    """
    import sys
    from dataclasses import astuple

    from orak.entrypoints.cli.signals import run_until_signal
    from orak.entrypoints.cli.web_worker_process import Inherited, StartFailed
    from orak.entrypoints.cli.web_workers import WebWorkers, tables_for

    orak = [
        sys.executable,
        "-P",
        "-m",
        "orak",
        "serve",
        "--host",
        settings.host,
        "--port",
        str(settings.port),
    ]
    orak += [] if public_url is None else ["--public-url", public_url]
    orak += [] if data_dir is None else ["--data-dir", str(data_dir)]
    orak += [] if metrics_listener is None else ["--metrics-listener", str(metrics_listener.fileno())]
    more = () if metrics_listener is None else (metrics_listener.fileno(),)

    def command(inherited: Inherited) -> "Sequence[str]":
        return [*orak, "--web-worker", *map(str, astuple(inherited))]

    try:
        with tables_for(len(listeners)) as tables:
            parent = WebWorkers(listeners, tables.fileno(), command, more=more)

            def announce() -> None:
                drain.calls(parent.drain)
                _announce(settings, metrics_listener)

            run_until_signal(lambda: parent.run(announce), parent.restart, drain)
    except StartFailed as failed:
        sys.exit(failed.code if failed.code > 0 else 1)


async def _serve_for_parent(
    settings: "Settings", inherited: "Inherited", metrics_listener: "socket.socket | None"
) -> None:
    """Serve on inherited listeners until the parent ends."""
    import asyncio
    import mmap
    import signal
    import socket

    from orak.adapters.measurements.shared import SharedMeasurements
    from orak.adapters.measurements.tables import TABLE_BYTES
    from orak.entrypoints.cli.errors import CommandError
    from orak.entrypoints.cli.garbage import started
    from orak.entrypoints.cli.http_server import serving
    from orak.entrypoints.cli.signals import start_deadline
    from orak.entrypoints.cli.web_worker_process import DRAIN, READY
    from orak.entrypoints.settings.share import Share
    from orak.entrypoints.telemetry.opening import telemetry

    if inherited.table_bytes < TABLE_BYTES:
        raise CommandError(
            "this version of orak counts in larger tables than its parent has room for",
            "restart the parent: SIGHUP cannot change to this version",
        )
    _check_shared(settings, inherited.processes)  # the settings may have changed since the parent started
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # restarting is up to the parent
    parent = socket.socket(fileno=inherited.channel)
    parent.settimeout(0)
    loop = asyncio.get_running_loop()
    tables = memoryview(mmap.mmap(inherited.tables, 0))
    with parent:
        async with (
            telemetry() as recorders,
            serving(
                settings,
                socket.socket(fileno=inherited.listener),
                metrics_listener=metrics_listener,
                share=Share(inherited.index, inherited.processes),
                counted=SharedMeasurements(tables, inherited.table, inherited.table_bytes),
                telemetry=recorders,
            ) as orak,
        ):
            started()
            drain = None
            try:
                parent.send(READY)
                while await loop.sock_recv(parent, len(DRAIN)) == DRAIN:
                    drain = drain or asyncio.create_task(orak.drain(), name="drain")
            except ConnectionError:
                pass  # like the end of the stream
            start_deadline()


def _announce(settings: "Settings", metrics_listener: "socket.socket | None") -> None:
    import logging

    from orak.entrypoints.cli.metrics_server import metrics_url
    from orak.entrypoints.settings.logs import resolved
    from orak.version import __version__

    metrics = None if metrics_listener is None else metrics_url(metrics_listener)
    if resolved(settings.log_format) == "text":
        _print_banner(settings, metrics)
    else:
        log = logging.getLogger(__name__)
        if metrics is not None:
            log.info("metrics are at %s", metrics, extra={"event": "started", "url": metrics})
        log.info(
            "orak %s serves %s with up to %s a process",
            *(__version__, settings.base_url, _capacity(settings)),
            extra={
                "event": "started",
                "version": __version__,
                "url": settings.base_url,
                "processes": settings.web_processes,
            },
        )
        if surplus := _surplus(settings):
            log.warning(surplus, extra={"event": "setting"})


def _surplus(settings: "Settings") -> str | None:
    """Return a warning if each process has one background conversion, and that makes more than allowed."""
    processes, allowed = settings.web_processes, settings.workers
    if settings.redis_url is not None or not 0 < allowed < processes:
        return None
    limit = (
        f"BATCH_MAX_CONCURRENT is {allowed}"
        if allowed < settings.cores
        else f"the number of cores is {allowed}"
    )
    return f"{limit}, but the {processes} processes may convert one upload each at once in the background"


def _capacity(settings: "Settings") -> str:
    """Return what one process can hold."""
    from orak.entrypoints.cli.capacity import descriptor_limit

    pool = f", {settings.pool_size} of them to the database" if settings.database_kind == "postgresql" else ""
    return f"{descriptor_limit()} open files and connections{pool}"


def _print_banner(settings: "Settings", metrics: str | None) -> None:
    from orak.entrypoints.cli.errors import warn
    from orak.entrypoints.settings.sources import shown_value
    from orak.version import __version__

    url = settings.base_url
    name, address = click.style(f"orak {__version__}", bold=True), click.style(url, fg="cyan", bold=True)
    click.echo(f"{name} serves {address}", err=True)
    for label, value in (
        ("API", f"{url}/records/async"),
        ("docs", f"{url}/docs"),
        ("metrics", metrics or f"{url}/metrics"),
        ("data", "in memory" if settings.in_memory else str(settings.data_dir.absolute())),
        ("database", shown_value("database_url", settings.database)),
        ("processes", f"{settings.web_processes}, each with up to {_capacity(settings)}"),
        ("stop", "Ctrl-C"),
    ):
        click.echo(f"  {click.style(label.ljust(_LABEL_WIDTH), dim=True)}  {value}", err=True)
    if settings.public_url is None and settings.host in {"0.0.0.0", "::"}:  # noqa: S104 - not bound here
        warn(f"upload URLs lead to {url}, which other machines cannot reach: set PUBLIC_URL")
    if surplus := _surplus(settings):
        warn(surplus)
