"""Channels, tracks and headers of files that other software writes."""

import math
import struct

import pytest

import audio_samples as samples
from orak.application.ports.converter import Unconvertible
from orak.domain.audio import CEILING_DBTP, TARGET_LUFS
from orak.domain.processing import FailureCode

AUDIBLE = 0.05


def ignore(_fraction: float) -> None:
    """Ignore progress."""


def written(path, data: bytes):
    path.write_bytes(data)
    return path


async def assert_published(converter, ordered, seconds: float = 1.0) -> list[tuple[float, float]]:
    """Convert, check the promises, and return how loud 440 Hz is on both sides."""
    conversion = await converter.convert(ordered, ignore)
    assert conversion.duration_seconds == pytest.approx(seconds, abs=0.05)
    published = samples.listen(ordered.audio)
    assert published.lufs == pytest.approx(TARGET_LUFS, abs=0.5)
    assert published.true_peak_db <= CEILING_DBTP
    return samples.levels(ordered.audio, 440)


async def assert_refused(converter, ordered, code: FailureCode) -> None:
    with pytest.raises(Unconvertible) as rejection:
        await converter.convert(ordered, ignore)
    assert rejection.value.failure is code
    assert list(ordered.audio.parent.iterdir()) == []


@pytest.mark.parametrize("label", [0, 1, 3, 100, 0x10000, 0xFFFFFFFF])
@pytest.mark.parametrize("channels", [1, 2, 4, 9])
async def test_any_order_of_channels_is_mixed_to_a_centred_voice(label, channels, converter, order, tmp_path):
    source = written(tmp_path / "source", samples.quicktime(label, channels, seconds=1.0))

    for left, right in await assert_published(converter, order(source)):
        assert left == pytest.approx(right, rel=0.05)
        assert left > AUDIBLE


@pytest.mark.parametrize("channels", [3, 4, 5, 6, 7, 8, 16, 24, 32])
@pytest.mark.parametrize("voice", [0, -1])
async def test_a_voice_on_any_channel_is_heard(channels, voice, converter, order, tmp_path):
    sounds = [samples.silence] * channels
    sounds[voice] = samples.tone(0.1)
    source = written(tmp_path / "source", samples.written_wav(sounds, 1.0))

    for left, right in await assert_published(converter, order(source)):
        assert left == pytest.approx(right, rel=0.05)
        assert left > AUDIBLE


async def test_surround_keeps_its_sides(converter, order, tmp_path):
    sounds = [samples.silence] * 6
    sounds[0], sounds[5] = samples.tone(0.1, 880), samples.tone(0.1, 440)  # front left, back right
    source = written(tmp_path / "source", samples.written_wav(sounds, 1.0, mask=0x3F))
    ordered = order(source)

    levels = await assert_published(converter, ordered)

    assert all(right > AUDIBLE and left < right / 10 for left, right in levels)
    assert all(left > AUDIBLE and right < left / 10 for left, right in samples.levels(ordered.audio, 880))


@pytest.mark.parametrize("channels", [33, 60, 64])
async def test_a_multitrack_session_is_unsupported(channels, converter, order, tmp_path):
    source = written(tmp_path / "source", samples.written_wav([samples.tone(0.1)] * channels, 0.1))

    await assert_refused(converter, order(source), FailureCode.UNSUPPORTED_FORMAT)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("other", [samples.silence, samples.tone(0.0001, 50)])
async def test_a_voice_beside_a_silent_side_is_centred(side, other, converter, order, tmp_path):
    sounds = [other, other]
    sounds[side] = samples.tone(0.1)
    source = written(tmp_path / "source", samples.written_wav(sounds, 1.0))

    for left, right in await assert_published(converter, order(source)):
        assert left == pytest.approx(right, rel=0.01)


async def test_a_silent_side_with_a_dc_offset_is_centred(converter, order, tmp_path):
    sounds = [samples.tone(0.045), lambda _t: 0.1]
    source = written(tmp_path / "source", samples.written_wav(sounds, 1.0))

    for left, right in await assert_published(converter, order(source)):
        assert left == pytest.approx(right, rel=0.01)


async def test_a_quiet_side_stays_where_it_is(converter, order, tmp_path):
    sounds = [samples.tone(0.1, 440), samples.tone(0.001, 880)]
    source = written(tmp_path / "source", samples.written_wav(sounds, 1.0))

    for left, right in await assert_published(converter, order(source)):
        assert right < left / 100


@pytest.mark.parametrize("offsets", [(0.5,), (-0.4, 0.1)])
async def test_a_dc_offset_takes_no_headroom(offsets, converter, order, tmp_path):
    voice = samples.tone(0.02)
    sounds = [lambda t, dc=dc: dc + voice(t) for dc in offsets]
    source = written(tmp_path / "source", samples.written_wav(sounds, 1.0))
    ordered = order(source)

    await assert_published(converter, ordered)

    for side in samples.channels(ordered.audio):
        assert abs(math.fsum(side) / len(side)) < 0.001


async def test_a_dc_offset_leaves_no_step_around_a_gap(converter, order, tmp_path):
    voice = samples.tone(0.05)
    source = samples.write(
        tmp_path / "source", lambda t: 0.3 + voice(t), 3.0, "mka-flac", dropped=[(1.0, 2.0)]
    )
    ordered = order(source)

    await assert_published(converter, ordered, 3.0)

    gap = samples.channels(ordered.audio)[0][round(1.3 * samples.RATE) : round(1.8 * samples.RATE)]
    assert max(map(abs, gap)) < 0.001


@pytest.mark.parametrize("kind", ["wav", "m4a-aac", "webm-opus", "ogg-opus", "flac", "mp3", "aiff", "caf"])
@pytest.mark.parametrize(
    "tag", [b"ID3\3\0\0\0\0\0\20TIT2\0\0\0\6\0\0\0song\0", b"ID3\4\0\0\0\0\2\0" + bytes(256)]
)
async def test_a_tag_in_front_of_the_container_is_skipped(kind, tag, converter, order, tmp_path):
    source = samples.write(tmp_path / "source", samples.tone(0.1), 1.0, kind)
    source.write_bytes(tag + source.read_bytes())

    await assert_published(converter, order(source))


@pytest.mark.parametrize("tag", [b"", b"ID3\3\0\0\0\0\0\0"])
async def test_a_big_endian_wav_is_not_published_as_noise(tag, converter, order, tmp_path):
    data = bytearray(samples.written_wav([samples.tone(0.1)], 1.0))
    data[:4] = b"RIFX"
    source = written(tmp_path / "source", tag + data)

    await assert_refused(converter, order(source), FailureCode.UNSUPPORTED_FORMAT)


@pytest.mark.parametrize(("bits", "encoding"), [(8, 1), (16, 1), (32, 1), (32, 3), (64, 3)])
async def test_every_sample_format_of_wav_is_read(bits, encoding, converter, order, tmp_path):
    data = samples.written_wav([samples.tone(0.1)] * 2, 1.0, bits=bits, encoding=encoding)

    await assert_published(converter, order(written(tmp_path / "source", data)))


@pytest.mark.parametrize("scale", [30, 2_500, 30_000, 2**23, 2**31])
async def test_floats_on_the_scale_of_integers_are_sound(scale, converter, order, tmp_path):
    sounds = [samples.tone(0.9 * scale)]
    data = samples.written_wav(sounds, 1.0, bits=32, encoding=3)

    levels = await assert_published(converter, order(written(tmp_path / "source", data)))

    assert all(left == pytest.approx(levels[0][0], rel=0.05) for left, _ in levels)


async def test_the_input_loudness_is_that_of_the_file_on_whatever_scale(converter, order, tmp_path):
    data = samples.written_wav([samples.tone(0.1 * 2**15)], 1.0, bits=32, encoding=3)

    conversion = await converter.convert(order(written(tmp_path / "source", data)), ignore)

    assert conversion.loudness.input_lufs == pytest.approx(-23.7 + 90.3, abs=0.2)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, 1e30])
async def test_a_sample_that_is_no_number_becomes_silence(wrong, converter, order, tmp_path):
    voice = samples.tone(0.1)
    data = samples.written_wav(
        [lambda t: wrong if round(t * 48_000) in (480, 30_000) else voice(t)], 1.0, bits=32, encoding=3
    )

    levels = await assert_published(converter, order(written(tmp_path / "source", data)))

    assert all(left > AUDIBLE for left, _ in levels)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, 2.0**33, 2.0**40, 2.0**50])
async def test_a_single_wrong_sample_late_in_a_recording_is_found(wrong, converter, order, tmp_path):
    data = bytearray(samples.written_wav([samples.tone(0.1)], 8.0, bits=32, encoding=3))
    struct.pack_into("<f", data, len(data) - 4 * 90_000, wrong)

    levels = await assert_published(converter, order(written(tmp_path / "source", bytes(data))), 8.0)

    assert all(left > AUDIBLE for left, _ in levels)


async def test_a_side_that_is_silent_at_first_is_heard(converter, order, tmp_path):
    voice = samples.tone(0.1)
    source = written(
        tmp_path / "source", samples.written_wav([voice, lambda t: voice(t) if t > 8 else 0.0], 10.0)
    )

    levels = await assert_published(converter, order(source), 10.0)

    assert levels[-2][1] > AUDIBLE > levels[0][1]


@pytest.mark.parametrize("rate", [1, 700, 768_000])
async def test_a_sample_rate_that_cannot_be_resampled_is_unsupported(rate, converter, order, tmp_path):
    data = bytearray(samples.written_wav([samples.tone(0.1)], 0.5))
    data[24:28] = rate.to_bytes(4, "little")

    ordered = order(written(tmp_path / "source", data), max_duration_seconds=10**6)

    await assert_refused(converter, ordered, FailureCode.UNSUPPORTED_FORMAT)


@pytest.mark.parametrize("unreadable", ["unknown", "damaged"])
async def test_the_track_that_can_be_decoded_is_published(unreadable, converter, order, tmp_path):
    source = samples.write_two_tracks(tmp_path / "source", unreadable)

    levels = await assert_published(converter, order(source), 2.0)

    assert all(left > AUDIBLE for left, _ in levels)


async def test_a_file_whose_only_track_has_an_unknown_codec_is_unsupported(converter, order, tmp_path):
    source = samples.write(tmp_path / "source", samples.tone(0.1), 1.0, "m4a-aac")
    source.write_bytes(source.read_bytes().replace(b"mp4a", b"apac", 1).replace(b"esds", b"free", 1))

    await assert_refused(converter, order(source), FailureCode.UNSUPPORTED_FORMAT)


@pytest.mark.parametrize("object_type", [7, 8])  # TwinVQ and CELP (ISO/IEC 14496-3)
async def test_a_codec_variant_that_no_decoder_knows_is_unsupported(object_type, converter, order, tmp_path):
    source = samples.write(tmp_path / "source", samples.tone(0.1), 1.0, "m4a-aac")
    data = bytearray(source.read_bytes())
    config = data.index(b"\x11\x90", data.index(b"esds"))  # AAC-LC, 48 kHz, stereo
    data[config] = object_type << 3 | 1

    await assert_refused(
        converter, order(written(tmp_path / "variant", bytes(data))), FailureCode.UNSUPPORTED_FORMAT
    )


async def test_a_header_with_a_sample_rate_of_zero_is_corrupt(converter, order, tmp_path):
    data = bytearray(samples.write(tmp_path / "source", samples.tone(0.1), 1.0, "caf").read_bytes())
    at = data.index(b"desc") + 12
    data[at : at + 8] = bytes(8)  # the sample rate, a 64-bit float

    await assert_refused(converter, order(written(tmp_path / "zero", bytes(data))), FailureCode.CORRUPT)
