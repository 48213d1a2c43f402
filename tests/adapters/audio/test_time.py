"""Real files: the published audio keeps the time of the container."""

import json

import pytest

import audio_samples as samples
from orak.application.ports.converter import Unconvertible
from orak.domain.processing import FailureCode

PROMISED_SECONDS = 0.02
"""Tolerance between the last timestamp and the published duration."""
PADDING_SECONDS = 0.025
"""One encoder frame."""
STEP = 0.25
AUDIBLE = 0.05

STAMPED = ["webm-opus", "mp4-aac", "m4a-aac", "ogg-opus", "mka-flac"]


def ignore(_fraction: float) -> None:
    """Ignore progress."""


def low_then_high(t: float) -> float:
    """Return 440 Hz until 3 s and 880 Hz from then on."""
    return samples.tone(0.2, 440 if t < 3 else 880)(t)


def audible(path, hertz: float) -> list[float]:
    """Return the seconds at which a tone is heard, in steps of a quarter of a second."""
    return [n * STEP for n, (left, _) in enumerate(samples.levels(path, hertz, STEP)) if left > AUDIBLE]


async def assert_converted(converter, ordered):
    conversion = await converter.convert(ordered, ignore)
    last = samples.last_timestamp(ordered.source)
    assert conversion.duration_seconds == pytest.approx(last, abs=PROMISED_SECONDS)
    published = samples.listen(ordered.audio).seconds
    assert published == pytest.approx(conversion.duration_seconds, abs=PADDING_SECONDS)
    waveform = json.loads(ordered.waveform.read_bytes())
    assert waveform["durationSeconds"] == pytest.approx(conversion.duration_seconds, abs=0.001)
    return waveform["peaks"]


@pytest.mark.parametrize("kind", STAMPED)
async def test_a_gap_is_silence_of_its_length(kind, converter, order, tmp_path):
    source = samples.write(tmp_path / "source", low_then_high, 5.0, kind, dropped=[(1.5, 3.0)])
    ordered = order(source)

    peaks = await assert_converted(converter, ordered)

    assert audible(ordered.audio, 880)[:8] == [n * STEP for n in range(12, 20)]
    if kind != "ogg-opus":  # Ogg has one timestamp a page, and a page lasts up to 1 s
        assert set(audible(ordered.audio, 440)) - {1.5} == {n * STEP for n in range(6)}
        assert all(pair == [0.0, 0.0] for pair in peaks[260:460])


@pytest.mark.parametrize("kind", ["m4a-aac-8k", "m4a-aac-16k", "m4a-aac", "mp4-aac", "mov-aac", "mka-flac"])
async def test_the_end_of_the_last_frame_is_left_out_where_the_container_ends_before(
    kind, converter, order, tmp_path
):
    source = samples.write(tmp_path / "source", samples.tone(0.2), 5.03, kind)
    ordered = order(source)

    await assert_converted(converter, ordered)


@pytest.mark.parametrize("kind", ["mka-mp3-live", "mka-pcm-live"])
async def test_a_long_gap_is_kept_in_a_recording_without_a_declared_duration(
    kind, converter, order, tmp_path
):
    source = samples.write(tmp_path / "source", low_then_high, 20.0, kind, dropped=[(2.5, 18.0)])
    ordered = order(source)

    await assert_converted(converter, ordered)

    assert audible(ordered.audio, 880)[:8] == [n * STEP for n in range(72, 80)]


@pytest.mark.parametrize("kind", ["webm-opus", "m4a-aac", "mka-flac"])
async def test_a_late_start_is_silence(kind, converter, order, tmp_path):
    source = samples.write(tmp_path / "source", low_then_high, 4.0, kind, dropped=[(-1.0, 2.0)])
    ordered = order(source)

    await assert_converted(converter, ordered)

    assert audible(ordered.audio, 440)[0] in (2.0, 2.25)
    assert audible(ordered.audio, 880)[:4] == [n * STEP for n in range(12, 16)]


@pytest.mark.parametrize("container", ["webm", "mp4"])
@pytest.mark.parametrize("starts", [0.0, 1.0])
async def test_the_sound_of_a_film_starts_where_its_picture_says(
    container, starts, converter, order, tmp_path
):
    source = samples.write_film(tmp_path / "source", samples.tone(0.2), 2.0, container, starts)
    ordered = order(source)

    await assert_converted(converter, ordered)

    assert audible(ordered.audio, 440)[:8] == [starts + n * STEP for n in range(8)]


async def test_an_edit_list_cuts_the_beginning(converter, order, tmp_path):
    source = samples.write(tmp_path / "source", low_then_high, 5.0, "m4a-aac")
    ordered = order(samples.cut_by_edit_list(source, 2.0))

    conversion = await converter.convert(ordered, ignore)

    assert conversion.duration_seconds == pytest.approx(3.0, abs=PROMISED_SECONDS)
    assert audible(ordered.audio, 440) == [n * STEP for n in range(4)]
    assert audible(ordered.audio, 880) == [n * STEP for n in range(4, 12)]


@pytest.mark.parametrize("kind", ["webm-opus", "m4a-aac"])
async def test_many_small_gaps_do_not_add_up(kind, converter, order, tmp_path):
    gaps = [(n / 10, n / 10 + 0.045) for n in range(5, 55)]
    source = samples.write(tmp_path / "source", low_then_high, 6.0, kind, dropped=gaps)
    ordered = order(source)

    await assert_converted(converter, ordered)

    assert audible(ordered.audio, 880)[0] == 3.0


JOINED = [
    *(
        (kind, kind)
        for kind in ("webm-opus", "ogg-opus", "ogg-vorbis", "mp3", "flac", "adts-aac", "mka-flac")
    ),
    ("ogg-opus", "ogg-vorbis"),
    ("ogg-vorbis", "ogg-vorbis-22k"),
    ("webm-opus", "mka-flac"),
]


@pytest.mark.parametrize(("first", "second"), JOINED)
async def test_joined_recordings_are_published_whole(first, second, converter, order, tmp_path):
    parts = [
        samples.write(tmp_path / "1", samples.tone(0.2, 440), 3.0, first),
        samples.write(tmp_path / "2", samples.tone(0.2, 880), 2.0, second),
    ]
    both = tmp_path / "both"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    ordered = order(both)

    conversion = await converter.convert(ordered, ignore)

    assert conversion.duration_seconds == pytest.approx(5.0, abs=0.1)  # some formats pad each part
    assert audible(ordered.audio, 440)[:12] == [n * STEP for n in range(12)]
    assert audible(ordered.audio, 880)[-7:] == [n * STEP for n in range(13, 20)]


async def test_a_joined_recording_that_cannot_be_read_is_left_out(converter, order, tmp_path):
    whole = samples.write(tmp_path / "whole", samples.tone(0.2), 1.0).read_bytes()
    both = tmp_path / "both"
    both.write_bytes(whole + whole[:100] + whole)

    conversion = await converter.convert(order(both), ignore)

    assert conversion.duration_seconds == pytest.approx(2.0, abs=0.1)


async def test_a_gap_longer_than_the_maximum_duration_is_refused(converter, order, tmp_path):
    source = samples.write(tmp_path / "source", samples.chord(), 20.0, dropped=[(1.0, 18.0)])

    with pytest.raises(Unconvertible) as rejection:
        await converter.convert(order(source, max_duration_seconds=10), ignore)

    assert rejection.value.failure is FailureCode.DURATION_EXCEEDED


@pytest.mark.parametrize("kind", ["flac", "wav", "mp3"])
async def test_whole_seconds_are_not_a_fraction_short(converter, order, tmp_path, kind):
    source = samples.write(tmp_path / "take", samples.tone(), seconds=3, kind=kind)
    conversion = await converter.convert(order(source), ignore)
    assert int(conversion.duration_seconds) == 3
