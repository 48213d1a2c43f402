import asyncio
import json
import resource
from pathlib import Path

import pytest

import audio_samples as samples
from orak.adapters.audio.child_converter import ChildConverter
from orak.adapters.audio.fork_server import ForkServer
from orak.adapters.audio.limits import MEBIBYTE, ConversionLimits
from orak.application.ports.converter import DecoderDied, Unconvertible
from orak.domain.audio import TARGET_LUFS
from orak.domain.processing import FailureCode


def ignore(_fraction: float) -> None:
    """Ignore progress."""


def cut(path: Path, keep: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


def text(path: Path) -> Path:
    path.write_text("This is no song at all.\n" * 200)
    return path


def holding(data: bytes):
    def make(path: Path) -> Path:
        path.write_bytes(data)
        return path

    return make


REJECTED = {
    "text": (text, "UNSUPPORTED_FORMAT"),
    "html": (holding(b"<!doctype html><script>alert(1)</script>" * 99), "UNSUPPORTED_FORMAT"),
    "picture": (holding(b"\x89PNG\r\n\x1a\n" + samples.garbage(1)), "UNSUPPORTED_FORMAT"),
    "zeros": (holding(bytes(50_000)), "UNSUPPORTED_FORMAT"),
    **{f"garbage {n}": (holding(samples.garbage(n)), "UNSUPPORTED_FORMAT") for n in range(2, 6)},
    "no bytes": (holding(b""), "EMPTY_AUDIO"),
    "no samples": (samples.write_wav, "EMPTY_AUDIO"),
    "m4a without its index": (
        lambda path: cut(samples.write(path, samples.chord(), 1.0, "m4a-aac"), 0.8),
        "CORRUPT",
    ),
    "webm signature alone": (holding(b"\x1aE\xdf\xa3" + samples.garbage(7)), "CORRUPT"),
    "ogg signature alone": (holding(b"OggS" + samples.garbage(8)), "CORRUPT"),
    "video without sound": (samples.write_video, "NO_AUDIO_STREAM"),
}


@pytest.mark.parametrize("case", REJECTED)
async def test_an_unconvertible_file_is_rejected_with_its_own_code(case, converter, order, tmp_path):
    make, code = REJECTED[case]
    ordered = order(make(tmp_path / "source.mp3"))

    with pytest.raises(Unconvertible) as rejection:
        await converter.convert(ordered, ignore)

    assert rejection.value.failure == FailureCode(code)
    assert list(ordered.audio.parent.iterdir()) == []


async def test_a_playlist_or_script_is_never_followed(converter, order, tmp_path):
    called = asyncio.Event()
    server = await asyncio.start_server(lambda *_: called.set(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    other = samples.write(tmp_path / "other.wav", samples.chord(), 1.0, "wav")
    segments = [f"http://127.0.0.1:{port}/a.ts", f"tcp://127.0.0.1:{port}", other.as_uri(), other.name]
    scripts = [
        *(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{s}\n#EXT-X-ENDLIST\n" for s in segments),
        *(f"ffconcat version 1.0\nfile '{s}'\n" for s in segments),
        *(f"v=0\nm=audio {port} RTP/AVP 0\nc=IN IP4 127.0.0.1\na={s}\n" for s in segments[:1]),
    ]
    async with server:
        for number, script in enumerate(scripts):
            for name in ("source.m3u8", "source.mp3"):
                source = tmp_path / f"{number}-{name}"
                source.write_text(script)
                with pytest.raises(Unconvertible) as rejection:
                    await converter.convert(order(source), ignore)
                assert rejection.value.failure is FailureCode.UNSUPPORTED_FORMAT
    assert not called.is_set()


async def test_a_truncated_stream_converts_to_the_audio_it_holds(converter, order, tmp_path):
    source = cut(samples.write(tmp_path / "source.webm", samples.chord(), 4.0), 0.6)
    ordered = order(source)

    conversion = await converter.convert(ordered, ignore)

    assert 1.5 < conversion.duration_seconds < 3.5
    assert samples.listen(ordered.audio).seconds == pytest.approx(conversion.duration_seconds, abs=0.1)
    assert samples.listen(ordered.audio).lufs == pytest.approx(TARGET_LUFS, abs=0.5)


@pytest.mark.parametrize("kind", ["mp3", "adts-aac", "flac", "ogg-opus", "webm-opus"])
async def test_damage_in_the_middle_is_skipped(kind, converter, order, tmp_path):
    source = samples.write(tmp_path / "source", samples.chord(), 4.0, kind)
    data = bytearray(source.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 500] = samples.garbage(3, 500)
    source.write_bytes(data)
    ordered = order(source)

    conversion = await converter.convert(ordered, ignore)

    assert 1.5 < conversion.duration_seconds <= 4.2
    assert len(json.loads(ordered.waveform.read_bytes())["peaks"]) == 800


@pytest.mark.parametrize("kind", ["webm-opus", "mp3"])
async def test_a_conversion_stops_at_the_maximum_duration(kind, converter, order, tmp_path):
    source = samples.write(tmp_path / "source", samples.silence, 4.0, kind)

    with pytest.raises(Unconvertible) as rejection:
        await converter.convert(order(source, max_duration_seconds=3), ignore)

    assert rejection.value.failure is FailureCode.DURATION_EXCEEDED


async def test_a_flac_that_continues_past_its_declared_end_is_corrupt(converter, order, tmp_path):
    source = samples.write_lying_flac(tmp_path / "source", 4.0)

    with pytest.raises(Unconvertible) as rejection:
        await converter.convert(order(source), ignore)

    assert rejection.value.failure is FailureCode.CORRUPT


async def test_a_sample_rate_of_1_hz_is_rejected(converter, order, tmp_path):
    source = samples.write(tmp_path / "source", samples.chord(), 0.5, "wav")
    data = bytearray(source.read_bytes())
    data[24:28] = (1).to_bytes(4, "little")
    source.write_bytes(data)

    with pytest.raises(Unconvertible):
        await converter.convert(order(source, max_duration_seconds=10**6), ignore)


LIMITS = {
    "file size": ConversionLimits(output_bytes=2_000, output_bytes_per_second=0),
    "wall clock": ConversionLimits(wall_seconds=0, wall_seconds_per_cpu_second=0.001),
    "CPU": ConversionLimits(cpu_seconds=0, cpu_seconds_per_work_second=0.0001),
}


@pytest.mark.parametrize("limit", LIMITS)
async def test_a_conversion_that_exceeds_a_limit_is_stopped(limit, order, tmp_path):
    source = samples.write_silence(tmp_path / "source", 900 if limit == "CPU" else 9)
    await assert_stopped(LIMITS[limit], order(source, max_duration_seconds=1_000))


# RLIMIT_AS has no effect on macOS.
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux limits the address space")
async def test_a_conversion_that_exceeds_the_memory_limit_is_stopped(order, tmp_path):
    source = samples.write_silence(tmp_path / "source", 9)
    # A limit below the present size would not fail an allocation, but crash the child when its stack grows.
    limits = ConversionLimits(memory_bytes=idle_child_bytes() + 4 * MEBIBYTE)
    await assert_stopped(limits, order(source, max_duration_seconds=1_000))


async def assert_stopped(limits, ordered) -> None:
    async with ChildConverter(limits) as converter:
        with pytest.raises(DecoderDied) as death:
            await converter.convert(ordered, ignore)
    assert death.value.failure is FailureCode.RESOURCE_LIMIT
    assert list(ordered.audio.parent.iterdir()) == []


def idle_child_bytes() -> int:
    """Return the address space of a child that waits for its task."""
    server = ForkServer()
    child = server.fork()
    child.lifeline.settimeout(20)
    pid = int(child.lifeline.recv(64))
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    child.close()
    server.stop()
    return pages * resource.getpagesize()
