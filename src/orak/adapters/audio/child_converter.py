import asyncio
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Self

import msgspec

from orak.adapters.audio.fork_server import Child, ForkServer
from orak.adapters.audio.limits import DecodingLimits
from orak.adapters.audio.messages import (
    LONGEST_LINE,
    Advanced,
    Converted,
    NoRoom,
    Refused,
    Report,
    Task,
    line,
    to_report,
)
from orak.application.ports.audio import ConversionOrder, DecoderDied, Unconvertible
from orak.application.ports.failures import Unavailable
from orak.domain.audio import Conversion
from orak.domain.processing import FailureCode

_STANDARD_LIMITS = DecodingLimits()
# A server whose sockets are closed is gone after this, or was never going.
_SERVER_END_SECONDS = 2.0
# A server that lives kills and reaps a child in milliseconds, on a busy machine in a second.
_REAP_SECONDS = 5.0
_LIMIT_SIGNALS = frozenset({signal.SIGXCPU, signal.SIGXFSZ})


class ChildConverter:
    """Converts each take in a process of its own, which can be killed and cannot hurt its parent.

    Use it as an async context manager, or call `close` when done; it starts its server when first used and
    starts it again when it was killed. One instance serves any number of conversions at once, from any event
    loop. How many may run at once is the caller's matter.
    """

    def __init__(self, limits: DecodingLimits = _STANDARD_LIMITS) -> None:
        self._limits = limits
        self._server = ForkServer()

    async def __aenter__(self) -> Self:
        """Start the server already, so that the first take need not wait for its imports."""
        self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Kill what still runs and end the server; conversions under way end as DECODER_CRASHED."""
        await asyncio.to_thread(self._server.stop)

    async def convert(self, order: ConversionOrder, progress: Callable[[float], None]) -> Conversion:
        """Decode, measure, gain, encode; see `orak.application.ports.audio.Converter`.

        Files that a failed or cancelled conversion began are removed. A server killed from outside is no
        fault of the take: the conversion is begun again, once.

        Raises:
            Unconvertible, DecoderDied: as the port says.
            Unavailable: no child is to be had: the machine is out of processes or of disk, or the
                installation is broken (standard error then tells how). It says nothing about the take.
        """
        task = Task(
            source=str(order.source.absolute()),
            audio=str(order.audio.absolute()),
            waveform=str(order.waveform.absolute()),
            profile=order.profile,
            title=order.title,
            max_duration_seconds=order.max_duration_seconds,
            limits=self._limits,
        )
        rising = _Rising(progress)
        try:
            conversion = await self._attempt_twice(task, rising)
        except OSError as error:
            _remove(order.audio, order.waveform)
            raise Unavailable("no process is to be had for a conversion") from error
        except BaseException:
            _remove(order.audio, order.waveform)
            raise
        rising(1.0)
        return conversion

    async def _attempt_twice(self, task: Task, progress: Callable[[float], None]) -> Conversion:
        try:
            return await self._attempt(task, progress)
        except _ServerDied:
            pass
        try:
            return await self._attempt(task, progress)
        except _ServerDied:
            raise DecoderDied(FailureCode.DECODER_CRASHED) from None

    async def _attempt(self, task: Task, progress: Callable[[float], None]) -> Conversion:
        child = self._server.fork()
        try:
            async with asyncio.timeout(self._limits.wall_clock(task.max_duration_seconds)):
                report = await _conversation(child, task, progress)
                if report is None:
                    raise await _death(child)
        except TimeoutError:
            raise DecoderDied(FailureCode.RESOURCE_LIMIT) from None
        finally:
            await _end(child)
        if isinstance(report, Converted):
            return report.conversion
        if isinstance(report, Refused):
            raise Unconvertible(report.failure)
        if isinstance(report, NoRoom):
            raise Unavailable("no room on the disk to convert a take")
        raise DecoderDied(FailureCode.RESOURCE_LIMIT)


class _ServerDied(Exception):
    """The server was killed, and the child with it if there was one yet."""


class _Rising:
    """Lets only rising fractions between 0 and 1 through, whatever the child claims."""

    def __init__(self, progress: Callable[[float], None]) -> None:
        self._progress = progress
        self._highest = -1.0

    def __call__(self, fraction: float) -> None:
        fraction = min(fraction, 1.0)
        if fraction > self._highest:
            self._highest = fraction
            self._progress(fraction)


async def _conversation(child: Child, task: Task, progress: Callable[[float], None]) -> Report | None:
    """Hand over the task and listen; return the child's last report, None if it ended without one."""
    loop = asyncio.get_running_loop()
    pending = b""
    try:
        await loop.sock_sendall(child.talk, line(task))
        while received := await loop.sock_recv(child.talk, LONGEST_LINE):
            *lines, pending = (pending + received).split(b"\n")
            for text in lines:
                report = to_report.decode(text)
                if not isinstance(report, Advanced):
                    return report
                progress(report.fraction)
            if len(pending) > LONGEST_LINE:
                raise DecoderDied(FailureCode.DECODER_CRASHED)
    except ConnectionError:  # it died with our words unread
        return None
    except msgspec.MsgspecError:  # not our child's language: taken over, or mad
        raise DecoderDied(FailureCode.DECODER_CRASHED) from None
    return None


async def _death(child: Child) -> Exception:
    """Wait for the child's end and say what it was."""
    told = await _told_until_reaped(child)
    if len(told) < 2:
        try:
            server = await asyncio.to_thread(child.server.wait, _SERVER_END_SECONDS)
        except subprocess.TimeoutExpired:  # it lives, and could not fork
            return ChildProcessError("no process is to be had for a conversion")
        if server > 0:
            return ChildProcessError(f"the decoding server does not run: exit code {server}")
        return _ServerDied() if server < 0 else DecoderDied(FailureCode.DECODER_CRASHED)  # 0: it was closed
    _pid, code = told
    limited = -code in _LIMIT_SIGNALS
    return DecoderDied(FailureCode.RESOURCE_LIMIT if limited else FailureCode.DECODER_CRASHED)


async def _told_until_reaped(child: Child) -> list[int]:
    """Wait until the child is reaped; its pid and exit code, or fewer if the server ended and it with it."""
    loop = asyncio.get_running_loop()
    told = b""
    try:
        while received := await loop.sock_recv(child.life, 64):
            told += received
    except ConnectionError:
        pass
    return [int(word) for word in told.split()]


async def _end(child: Child) -> None:
    """Kill the child if it still runs, and come back when it is reaped."""
    try:
        child.life.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(_REAP_SECONDS):
            await _told_until_reaped(child)
    except TimeoutError:  # stopped or stuck, it would hold up whoever waits; its children die with it
        child.server.kill()
    except OSError:  # the server is gone: so is the child
        pass
    finally:
        child.close()


def _remove(*files: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)
