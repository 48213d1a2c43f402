import asyncio
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Self

import msgspec

from orak.adapters.audio.fork_server import Child, ForkServer
from orak.adapters.audio.limits import ConversionLimits
from orak.adapters.audio.machine import slowness
from orak.adapters.audio.messages import (
    LONGEST_LINE,
    Broken,
    Converted,
    DiskFull,
    Progress,
    Rejected,
    Report,
    Task,
    line,
    to_report,
)
from orak.application.ports.converter import ConversionBroke, ConversionOrder, DecoderDied, Unconvertible
from orak.application.ports.failures import Unavailable
from orak.domain.audio import Conversion
from orak.domain.processing import FailureCode

_DEFAULT_LIMITS = ConversionLimits()
# A dying server, which has closed its sockets, is gone after this time.
_SERVER_END_SECONDS = 2.0
# A running server kills and reaps a child within milliseconds, or within a second on a busy machine.
_REAP_SECONDS = 5.0
_LIMIT_SIGNALS = frozenset({signal.SIGXCPU, signal.SIGXFSZ})


class ChildConverter:
    """Converts each file in a child process, which can be killed.

    The child cannot harm its parent.

    Use it as an async context manager, or call `close` when done. It starts its server on first use, and
    again if the server was killed. One instance runs any number of conversions at once, from any event loop;
    the caller limits how many.
    """

    def __init__(self, limits: ConversionLimits = _DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._server = ForkServer()

    async def __aenter__(self) -> Self:
        """Start the server now: the first conversion then does not wait for imports."""
        self._server.start()
        slowness()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Kill running conversions and end the server.

        The killed conversions fail as DECODER_CRASHED.
        """
        await asyncio.to_thread(self._server.stop)

    async def convert(self, order: ConversionOrder, progress: Callable[[float], None]) -> Conversion:
        """Decode, measure, adjust the gain and encode.

        See `orak.application.ports.converter.Converter`.

        A failed or cancelled conversion removes the files that it began. If the server is killed from
        outside, the conversion starts again, once.

        Raises:
            Unconvertible, DecoderDied, ConversionBroke: as described by the port.
            Unavailable: no child can run, whatever the file: the machine is out of processes or disk space,
                or the installation is broken (standard error then shows the cause).
        """
        spare = order.audio.with_name(f"{order.audio.name}.spare")
        task = Task(
            source=str(order.source.absolute()),
            audio=str(order.audio.absolute()),
            spare=str(spare.absolute()),
            waveform=str(order.waveform.absolute()),
            profile=order.profile,
            title=order.title,
            max_duration_seconds=order.max_duration_seconds,
            limits=msgspec.structs.replace(self._limits, slowness=slowness()),
        )
        rising = _RisingProgress(progress)
        try:
            conversion = await self._run_with_retry(task, rising)
        except OSError as error:
            _remove(order.audio, order.waveform, spare)
            raise Unavailable("cannot start a process for the conversion") from error
        except BaseException:
            _remove(order.audio, order.waveform, spare)
            raise
        rising(1.0)
        return conversion

    async def _run_with_retry(self, task: Task, progress: Callable[[float], None]) -> Conversion:
        try:
            return await self._run_child(task, progress)
        except _ServerDied:
            pass
        try:
            return await self._run_child(task, progress)
        except _ServerDied:
            raise DecoderDied(FailureCode.DECODER_CRASHED) from None

    async def _run_child(self, task: Task, progress: Callable[[float], None]) -> Conversion:
        child = self._server.fork()
        try:
            async with asyncio.timeout(None) as deadline:
                report = await _exchange(child, task, progress, deadline)
                if report is None:
                    raise await _cause_of_death(child)
        except TimeoutError:
            raise DecoderDied(FailureCode.RESOURCE_LIMIT) from None
        finally:
            await _end(child)
        if isinstance(report, Converted):
            return report.conversion
        if isinstance(report, Rejected):
            raise Unconvertible(report.failure)
        if isinstance(report, DiskFull):
            raise Unavailable("not enough disk space to convert the upload")
        if isinstance(report, Broken):
            raise ConversionBroke(_printable(report.traceback))
        raise DecoderDied(FailureCode.RESOURCE_LIMIT)


class _ServerDied(Exception):
    """The server was killed, together with its child if it had already forked one."""


class _RisingProgress:
    """Passes on only rising fractions from 0 to 1, whatever the child reports."""

    def __init__(self, progress: Callable[[float], None]) -> None:
        self._progress = progress
        self._highest = -1.0

    def __call__(self, fraction: float) -> None:
        fraction = min(fraction, 1.0)
        if fraction > self._highest:
            self._highest = fraction
            self._progress(fraction)


async def _exchange(
    child: Child, task: Task, progress: Callable[[float], None], deadline: asyncio.Timeout
) -> Report | None:
    """Send the task and receive reports; return the last one.

    Return None if the child ended without it. *deadline* moves with the work that the child reports.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()

    def allow(work: float) -> None:
        deadline.reschedule(began + task.limits.wall_clock(work, task.max_duration_seconds))

    allow(0)
    pending = b""
    try:
        await loop.sock_sendall(child.channel, line(task))
        while received := await loop.sock_recv(child.channel, LONGEST_LINE):
            *lines, pending = (pending + received).split(b"\n")
            for text in lines:
                report = to_report.decode(text)
                if not isinstance(report, Progress):
                    return report
                allow(report.work)
                progress(report.fraction)
            if len(pending) > LONGEST_LINE:
                raise DecoderDied(FailureCode.DECODER_CRASHED)
    except ConnectionError:  # the child died before it read the task
        return None
    except msgspec.MsgspecError:  # not a report: the file may have taken over the decoder
        raise DecoderDied(FailureCode.DECODER_CRASHED) from None
    return None


async def _cause_of_death(child: Child) -> Exception:
    """Wait for the child's end and return the error that describes it."""
    numbers = await _read_lifeline(child)
    if len(numbers) < 2:
        try:
            server = await asyncio.to_thread(child.server.wait, _SERVER_END_SECONDS)
        except subprocess.TimeoutExpired:  # the server runs, but could not fork
            return ChildProcessError("cannot start a process for the conversion")
        if server > 0:
            return ChildProcessError(f"the decoding server does not run: exit code {server}")
        # 0: the converter was closed.
        return _ServerDied() if server < 0 else DecoderDied(FailureCode.DECODER_CRASHED)
    _pid, code = numbers
    if code >= 0:  # no signal ended it
        return ConversionBroke(f"  the process of the conversion ended without a report: exit code {code}")
    limited = -code in _LIMIT_SIGNALS
    return DecoderDied(FailureCode.RESOURCE_LIMIT if limited else FailureCode.DECODER_CRASHED)


async def _read_lifeline(child: Child) -> list[int]:
    """Wait until the child is reaped; return its pid and exit code.

    Return fewer numbers if the server died.
    """
    loop = asyncio.get_running_loop()
    text = b""
    try:
        while received := await loop.sock_recv(child.lifeline, 64):
            text += received
    except ConnectionError:
        pass
    return [int(number) for number in text.split()]


async def _end(child: Child) -> None:
    """Kill the child if it still runs, and return once it is reaped."""
    try:
        child.lifeline.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(_REAP_SECONDS):
            await _read_lifeline(child)
    except TimeoutError:  # a stopped or stuck server would block its callers; its children die with it
        child.server.kill()
    except OSError:  # the server is gone, and the child with it
        pass
    finally:
        child.close()


def _printable(text: str) -> str:
    """Return *text* of a child for a log: indented, so that no line of it looks like one of the log."""
    return "\n".join(
        "  " + "".join(c if c.isprintable() else "?" for c in part) for part in text.splitlines()
    )


def _remove(*files: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)
