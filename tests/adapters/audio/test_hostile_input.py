import asyncio
import json
from pathlib import Path

import pytest

import audio_samples as samples
from orak.adapters.audio.child_converter import ChildConverter
from orak.adapters.audio.limits import DecodingLimits
from orak.application.ports.audio import DecoderDied, Unconvertible
from orak.domain.audio import TARGET_LUFS
from orak.domain.processing import FailureCode


def ignore(_fraction: float) -> None:
    """Take no notice of progress."""


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


REFUSED = {
    "text": (text, "UNSUPPORTED_FORMAT"),
    "html": (holding(b"<!doctype html><script>alert(1)</script>" * 99), "UNSUPPORTED_FORMAT"),
    "picture": (holding(b"\x89PNG\r\n\x1a\n" + samples.garbage(1)), "UNSUPPORTED_FORMAT"),
    "zeros": (holding(bytes(50_000)), "UNSUPPORTED_FORMAT"),
    **{f"garbage {n}": (holding(samples.garbage(n)), "UNSUPPORTED_FORMAT") for n in range(2, 6)},
    "no byte": (holding(b""), "EMPTY_AUDIO"),
    "no sample": (samples.write_empty_wav, "EMPTY_AUDIO"),
    "m4a without its index": (
        lambda path: cut(samples.write(path, samples.chord(), 1.0, "m4a-aac"), 0.8),
        "CORRUPT",
    ),
    "webm header alone": (holding(b"\x1aE\xdf\xa3" + samples.garbage(7)), "CORRUPT"),
    "ogg in name alone": (holding(b"OggS" + samples.garbage(8)), "CORRUPT"),
    "video without sound": (samples.write_video, "NO_AUDIO_STREAM"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_no_take_is_refused_by_its_own_code(case, converter, order, tmp_path):
    make, code = REFUSED[case]
    ordered = order(make(tmp_path / "take.mp3"))

    with pytest.raises(Unconvertible) as refusal:
        await converter.convert(ordered, ignore)

    assert refusal.value.failure == FailureCode(code)
    assert list(ordered.audio.parent.iterdir()) == []


async def test_a_playlist_or_script_is_never_followed(converter, order, tmp_path):
    called = asyncio.Event()
    server = await asyncio.start_server(lambda *_: called.set(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    foreign = samples.write(tmp_path / "foreign.wav", samples.chord(), 1.0, "wav")
    segments = [f"http://127.0.0.1:{port}/a.ts", f"tcp://127.0.0.1:{port}", foreign.as_uri(), foreign.name]
    scripts = [
        *(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{s}\n#EXT-X-ENDLIST\n" for s in segments),
        *(f"ffconcat version 1.0\nfile '{s}'\n" for s in segments),
        *(f"v=0\nm=audio {port} RTP/AVP 0\nc=IN IP4 127.0.0.1\na={s}\n" for s in segments[:1]),
    ]
    async with server:
        for number, script in enumerate(scripts):
            for name in ("take.m3u8", "take.mp3"):
                source = tmp_path / f"{number}-{name}"
                source.write_text(script)
                with pytest.raises(Unconvertible) as refusal:
                    await converter.convert(order(source), ignore)
                assert refusal.value.failure is FailureCode.UNSUPPORTED_FORMAT
    assert not called.is_set()


async def test_a_stream_cut_short_converts_to_what_it_holds(converter, order, tmp_path):
    source = cut(samples.write(tmp_path / "take.webm", samples.chord(), 4.0), 0.6)
    ordered = order(source)

    conversion = await converter.convert(ordered, ignore)

    assert 1.5 < conversion.duration_seconds < 3.5
    assert samples.listen(ordered.audio).seconds == pytest.approx(conversion.duration_seconds, abs=0.1)
    assert samples.listen(ordered.audio).lufs == pytest.approx(TARGET_LUFS, abs=0.5)


@pytest.mark.parametrize("kind", ["mp3", "adts-aac", "flac", "ogg-opus", "webm-opus"])
async def test_damage_in_the_middle_is_left_out(kind, converter, order, tmp_path):
    source = samples.write(tmp_path / "take", samples.chord(), 4.0, kind)
    data = bytearray(source.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 500] = samples.garbage(3, 500)
    source.write_bytes(data)
    ordered = order(source)

    conversion = await converter.convert(ordered, ignore)

    assert 1.5 < conversion.duration_seconds <= 4.2
    assert len(json.loads(ordered.waveform.read_bytes())["peaks"]) == 800


@pytest.mark.parametrize("kind", ["webm-opus", "mp3"])
async def test_a_take_is_stopped_when_it_passes_the_longest_duration(kind, converter, order, tmp_path):
    source = samples.write(tmp_path / "take", samples.silence, 4.0, kind)

    with pytest.raises(Unconvertible) as refusal:
        await converter.convert(order(source, max_duration_seconds=3), ignore)

    assert refusal.value.failure is FailureCode.DURATION_EXCEEDED


async def test_a_flac_that_goes_on_behind_its_declared_end_is_corrupt(converter, order, tmp_path):
    source = samples.write_lying_flac(tmp_path / "take", 4.0)

    with pytest.raises(Unconvertible) as refusal:
        await converter.convert(order(source), ignore)

    assert refusal.value.failure is FailureCode.CORRUPT


async def test_a_header_that_claims_one_sample_a_second_is_no_recording(converter, order, tmp_path):
    source = samples.write(tmp_path / "take", samples.chord(), 0.5, "wav")
    data = bytearray(source.read_bytes())
    data[24:28] = (1).to_bytes(4, "little")
    source.write_bytes(data)

    with pytest.raises(Unconvertible):
        await converter.convert(order(source, max_duration_seconds=10**6), ignore)


LIMITS = {
    "memory": DecodingLimits(memory_bytes=90 * 1024 * 1024),
    "file size": DecodingLimits(output_bytes=2_000, output_bytes_per_second=0),
    "wall clock": DecodingLimits(wall_seconds=0, wall_seconds_per_cpu_second=0.001),
    "CPU": DecodingLimits(cpu_seconds=0, cpu_seconds_per_decoded_second=0.0001),
}


@pytest.mark.parametrize("limit", LIMITS)
async def test_what_costs_too_much_is_stopped(limit, order, tmp_path):
    source = samples.write_silence(tmp_path / "take", 900 if limit == "CPU" else 9)
    ordered = order(source, max_duration_seconds=1_000)
    async with ChildConverter(LIMITS[limit]) as converter:
        with pytest.raises(DecoderDied) as death:
            await converter.convert(ordered, ignore)
    assert death.value.failure is FailureCode.RESOURCE_LIMIT
    assert list(ordered.audio.parent.iterdir()) == []
