"""Python, open files, the data folder, its disk, and the port."""

import errno
import resource
import shutil
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx

from orak.entrypoints.cli.errors import CommandError
from orak.entrypoints.cli.finding import Finding, existing_folder
from orak.entrypoints.cli.listeners import PortInUse, listen
from orak.entrypoints.cli.metrics_server import listen_for_metrics
from orak.entrypoints.settings.values import Settings

_OLDEST_PYTHON = (3, 11)

_LOW_SPACE, _NO_SPACE = 2 * 2**30, 100 * 2**20
"""Bytes of free space below which the check warns, and below which it fails."""

_TRIED_BYTES = 64 * 2**10

_FEW_FILES = 4096
"""Open files below which the check warns: each client takes one, and each conversion four."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def check_python() -> Finding:
    """Check the version of Python."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return Finding("python", "fail", f"{version} is too old", "install Python 3.11 or newer")
    return Finding("python", "ok", f"{version}, {sys.executable}")


def check_files() -> Finding:
    """Check how many files and connections a process may have open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return Finding("files", "ok", "any number of open files and connections")
    detail = f"up to {hard:,} open files and connections"
    if hard < _FEW_FILES:
        return Finding(
            "files", "warn", detail, "raise the limit: `ulimit -Hn 65536`, or LimitNOFILE=65536 in systemd"
        )
    return Finding("files", "ok", detail)


def check_data_dir(settings: Settings) -> list[Finding]:
    """Check that the data folder takes files, and the room on its disk."""
    if settings.in_memory:
        return [Finding("data", "ok", "in memory; its keys are lost when orak stops")]
    folder, present = settings.data_dir.absolute(), existing_folder(settings.data_dir)
    problem = _write_problem(present)
    if problem is not None and problem.errno not in _FULL:
        return [
            Finding(
                "data",
                "fail",
                f"{present}: {problem.strerror}",
                "set ORAK_DATA_DIR to a folder that this user can write to",
            )
        ]
    created = "" if folder == present else ", created at the first start"
    return [Finding("data", "ok", f"{folder}{created}"), _room(present, is_full=problem is not None)]


def _write_problem(folder: Path) -> OSError | None:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_TRIED_BYTES))
            file.flush()
    except OSError as error:
        return error
    return None


def _room(folder: Path, *, is_full: bool) -> Finding:
    usage = shutil.disk_usage(folder)
    detail = f"{usage.free / 2**30:.1f} of {usage.total / 2**30:.1f} GiB free"
    hint = "free disk space, or set ORAK_DATA_DIR to a folder on a larger disk"
    if is_full:
        return Finding("disk", "fail", f"the disk is full: {detail}, and it takes no file", hint)
    if usage.free < _NO_SPACE:
        return Finding("disk", "fail", detail, hint)
    if usage.free < _LOW_SPACE:
        return Finding("disk", "warn", detail, hint)
    return Finding("disk", "ok", detail)


def check_port(settings: Settings) -> Finding:
    """Check that `serve` could listen on its port."""
    address = f"{settings.host}:{settings.port}"
    try:
        listen(settings.host, settings.port).close()
    except PortInUse:
        if _is_orak(f"http://{address}"):
            return Finding("port", "ok", f"orak serves on {address}")
        return Finding(
            "port", "warn", f"{address} is in use by another program", "choose another port with --port"
        )
    except CommandError as error:
        return Finding("port", "fail", error.message, error.hint)
    return Finding("port", "ok", f"{address} is free")


def check_metrics_port(settings: Settings) -> list[Finding]:
    """Check that `serve` could listen on METRICS_PORT, beside its own port."""
    if settings.metrics_port is None:
        return []
    address = f"{settings.metrics_host or settings.host}:{settings.metrics_port}"
    with ExitStack() as held:
        with suppress(CommandError):  # a finding of `check_port`
            held.enter_context(listen(settings.host, settings.port))
        try:
            listener = listen_for_metrics(settings)
        except CommandError as error:
            problem = error
        else:
            if listener is not None:
                listener.close()
            return [Finding("metrics", "ok", f"{address} is free")]
    if _is_metrics(f"http://{address}"):
        return [Finding("metrics", "ok", f"orak serves its metrics on {address}")]
    return [Finding("metrics", "fail", problem.message, problem.hint)]


def _is_metrics(url: str) -> bool:
    try:
        return "\norak_build_info{" in httpx.get(f"{url}/metrics", timeout=5, trust_env=False).text
    except httpx.HTTPError:
        return False


def _is_orak(url: str) -> bool:
    try:
        answer: object = httpx.get(f"{url}/health/live", timeout=1, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return False
    return answer == {"status": "live"}
