import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import audio_samples as samples
from orak.adapters.audio import child_converter
from orak.adapters.audio.child_converter import ChildConverter
from orak.application.ports.converter import ConversionBroke, DecoderDied
from orak.application.ports.failures import Unavailable
from orak.domain.processing import FailureCode

# The tests find the children in /proc. The converter is the same on every system; other tests cover it.
if not Path("/proc/self/task").exists():
    pytest.skip("only Linux lists child processes in /proc", allow_module_level=True)


def ignore(_fraction: float) -> None:
    """Ignore progress."""


def server_of(converter: ChildConverter) -> int:
    pid = converter._server.pid
    assert pid is not None
    return pid


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Return whether *pid* runs; a zombie that waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def until(condition) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - another process cannot set an event
            await asyncio.sleep(0.01)


class Running:
    """A conversion in progress; `child` returns its process once it has reported progress."""

    def __init__(self, converter, ordered):
        self.converter = converter
        self._begun = asyncio.Event()
        self.task = asyncio.create_task(converter.convert(ordered, lambda _: self._begun.set()))

    async def child(self) -> int:
        begun = asyncio.create_task(self._begun.wait())
        await asyncio.wait({begun, self.task}, return_when=asyncio.FIRST_COMPLETED)
        assert not self.task.done()
        (pid,) = children(server_of(self.converter))
        return pid


@pytest.fixture(scope="module")
def long_source(tmp_path_factory) -> Path:
    """Write silence, which is quick to write and slow to convert."""
    path = tmp_path_factory.mktemp("long") / "source"
    return samples.write_silence(path, 900)


async def test_a_killed_child_is_reported_as_a_crash_and_the_next_file_converts(
    converter, order, long_source, tmp_path
):
    ordered = order(long_source, max_duration_seconds=2_000)
    running = Running(converter, ordered)
    os.kill(await running.child(), signal.SIGKILL)

    with pytest.raises(DecoderDied) as death:
        await running.task

    assert death.value.failure is FailureCode.DECODER_CRASHED
    assert list(ordered.audio.parent.iterdir()) == []
    await converter.convert(order(samples.write(tmp_path / "next", samples.chord(), 1.0)), ignore)


async def test_a_segmentation_fault_is_reported_as_a_crash(converter, order, long_source):
    running = Running(converter, order(long_source, max_duration_seconds=2_000))
    os.kill(await running.child(), signal.SIGSEGV)

    with pytest.raises(DecoderDied) as death:
        await running.task

    assert death.value.failure is FailureCode.DECODER_CRASHED


async def test_cancelling_kills_and_reaps_the_child(converter, order, long_source):
    ordered = order(long_source, max_duration_seconds=2_000)
    running = Running(converter, ordered)
    pid = await running.child()

    running.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running.task

    assert not exists(pid)
    assert children(server_of(converter)) == []
    assert list(ordered.audio.parent.iterdir()) == []


async def test_closing_kills_the_running_conversion_and_the_server(order, long_source):
    converter = ChildConverter()
    running = Running(converter, order(long_source, max_duration_seconds=2_000))
    pid = await running.child()
    server = server_of(converter)

    await converter.close()

    with pytest.raises(DecoderDied):
        await running.task
    assert not alive(pid)
    assert not alive(server)


async def test_a_server_killed_between_two_conversions_is_started_again(converter, order, tmp_path):
    source = samples.write(tmp_path / "source", samples.chord(), 1.0)
    await converter.convert(order(source), ignore)
    first = server_of(converter)
    os.kill(first, signal.SIGKILL)

    await converter.convert(order(source), ignore)

    assert server_of(converter) != first


async def test_a_conversion_survives_one_kill_of_its_server(converter, order, tmp_path):
    source = samples.write(tmp_path / "source", samples.chord(), 3.0)
    seen: list[float] = []
    converting = asyncio.create_task(converter.convert(order(source), seen.append))
    server = server_of(converter)
    await until(lambda: children(server))
    (child,) = children(server)
    os.kill(server, signal.SIGKILL)

    conversion = await converting

    assert conversion.duration_seconds == pytest.approx(3.0, abs=0.1)  # the encoder pads
    assert seen == sorted(seen)
    assert not alive(child)


async def test_a_server_killed_twice_during_one_conversion_is_reported_as_a_crash(
    converter, order, long_source
):
    converting = asyncio.create_task(
        converter.convert(order(long_source, max_duration_seconds=2_000), ignore)
    )
    for _ in range(2):
        server = server_of(converter)
        await until(lambda server=server: alive(server) and children(server))
        os.kill(server, signal.SIGKILL)
        await until(lambda server=server: converting.done() or server_of(converter) != server)

    with pytest.raises(DecoderDied) as death:
        await converting

    assert death.value.failure is FailureCode.DECODER_CRASHED


async def test_a_stopped_server_does_not_block_cancellation(converter, order, long_source, monkeypatch):
    monkeypatch.setattr(child_converter, "_REAP_SECONDS", 0.2)
    running = Running(converter, order(long_source, max_duration_seconds=2_000))
    pid, server = await running.child(), server_of(converter)
    os.kill(server, signal.SIGSTOP)
    running.task.cancel()
    async with asyncio.timeout(20):
        await asyncio.wait({running.task})
    assert running.task.cancelled()
    await until(lambda: not alive(server) and not alive(pid))


@pytest.mark.parametrize("file", ["audio", "waveform"])
async def test_a_full_disk_raises_unavailable(converter, order, tmp_path, file):
    ordered = order(samples.write(tmp_path / "source", samples.chord(), 1.0))
    getattr(ordered, file).symlink_to("/dev/full")
    with pytest.raises(Unavailable, match="not enough disk space"):
        await converter.convert(ordered, ignore)


async def test_an_exception_of_our_own_is_reported_with_its_traceback(converter, order, tmp_path):
    source = samples.write(tmp_path / "source", samples.chord(), 1.0)
    ordered = order(source, waveform=tmp_path / "no such folder" / "peaks")

    with pytest.raises(ConversionBroke) as broken:
        await converter.convert(ordered, ignore)

    assert "FileNotFoundError" in str(broken.value)
    assert "peaks.py" in str(broken.value)
    assert list(ordered.audio.parent.iterdir()) == []
    await converter.convert(order(source), ignore)


async def test_conversions_run_side_by_side(converter, order, tmp_path):
    good = samples.write(tmp_path / "good", samples.chord(), 2.0)
    bad = tmp_path / "bad"
    bad.write_text("no sound")
    orders = [order(good), order(bad), order(good), order(bad), order(good)]

    results = await asyncio.gather(*(converter.convert(o, ignore) for o in orders), return_exceptions=True)

    assert [type(result).__name__ for result in results] == [
        *("Conversion", "Unconvertible", "Conversion", "Unconvertible", "Conversion")
    ]
    assert children(server_of(converter)) == []


def test_one_converter_serves_one_event_loop_after_another(order, tmp_path):
    source = samples.write(tmp_path / "source", samples.chord(), 1.0)
    converter = ChildConverter()
    for _ in range(2):
        asyncio.run(converter.convert(order(source), ignore))
    asyncio.run(converter.close())


async def test_the_child_has_its_own_folder_and_inherits_no_secrets_or_open_files(
    converter, order, long_source, monkeypatch
):
    monkeypatch.setenv("ORAK_SECRET", "hush")
    await converter.close()
    ordered = order(long_source, max_duration_seconds=2_000)
    running = Running(converter, ordered)
    pid = await running.child()

    process = Path(f"/proc/{pid}")
    assert b"hush" not in (process / "environ").read_bytes()
    assert [p.name for p in (process / "cwd").resolve().iterdir()] == ["input"]
    opened = {str(fd.readlink()) for fd in (process / "fd").iterdir() if int(fd.name) > 2}
    samples_of_this_job = {name for name in opened if name.startswith(f"{ordered.audio.parent}/")}
    assert all(name.endswith(" (deleted)") for name in samples_of_this_job)
    others = opened - samples_of_this_job
    assert {name for name in others if not name.startswith("socket:")} == {str(long_source)}
    assert sum(name.startswith("socket:") for name in opened) == 1
    limits = (process / "limits").read_text()
    assert "1073741824" in limits
    assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0)
    folder = (process / "cwd").resolve()
    running.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running.task
    assert not folder.exists()


SCRIPT = """
import asyncio, sys
from pathlib import Path
from orak.adapters.audio.child_converter import ChildConverter
from orak.application.ports.converter import ConversionOrder
from orak.domain.audio import AudioProfile

print("once", flush=True)
converter = ChildConverter()
order = ConversionOrder(Path(sys.argv[1]), Path("a"), Path("w"), AudioProfile.AAC_128, "t", 2_000)
reported = []
def report(fraction):
    if not reported:
        reported.append(fraction)
        print(converter._server.pid, flush=True)
asyncio.run(converter.convert(order, report))
"""


def test_server_and_child_die_with_a_killed_parent_and_its_script_runs_once(long_source, tmp_path):
    """The user's script has no `if __name__ == "__main__"`, so importing it would run it again."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, script, long_source], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "once\n"
        server = int(parent.stdout.readline())
        (child,) = children(server)
        folder = Path(f"/proc/{child}/cwd").resolve()
        parent.kill()
        assert parent.stdout.read() == ""

    asyncio.run(until(lambda: not alive(server) and not alive(child)))
    assert not folder.exists()
