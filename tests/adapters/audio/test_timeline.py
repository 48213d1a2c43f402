"""The clock alone: frames of 20 ms with given timestamps."""

from collections.abc import Sequence
from fractions import Fraction

import pytest
from av.audio.frame import AudioFrame

from orak.adapters.audio.downmix import Mix
from orak.adapters.audio.timeline import Clock, Decoded, Placed, Timeline

RATE = 48_000
FRAME = 0.02


MONO = Mix(stereo=False, pan=None)


def place(*recordings: Sequence[float | None], **changes: object) -> tuple[list[Placed], float]:
    timeline = Timeline(max_seconds=600.0)
    frames = []
    for times in recordings:
        clock = Clock(**{"stamped": True, "starts_at_zero": True, **changes})
        for time in times:
            frame = AudioFrame("s16", "mono", round(FRAME * RATE))
            frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
            frame.pts = None if time is None else round(time * RATE)
            frames.append(Decoded(frame, MONO, clock))
    return list(timeline.place(iter(frames))), timeline.seconds


def steady(start: float, count: int) -> list[float]:
    return [start + n * FRAME for n in range(count)]


def test_a_gap_is_as_long_as_its_timestamps_say():
    placed, seconds = place(steady(0, 50) + steady(4, 50))

    assert seconds == pytest.approx(5.0)
    assert [p.start for p in placed if not p.follows] == [pytest.approx(4.0)]


def test_silence_that_was_never_sent_keeps_its_length():
    times = [n * 0.4 for n in range(50)]  # one packet of 20 ms in 400 ms, as discontinuous transmission does

    _, seconds = place(times)

    assert seconds == pytest.approx(49 * 0.4 + FRAME)


def test_a_last_packet_after_a_gap_is_at_its_time():
    _, seconds = place([*steady(0, 50), 3.0])

    assert seconds == pytest.approx(3.0 + FRAME)


@pytest.mark.parametrize("jitter", [0.004, 0.014])
def test_jitter_adds_no_silence(jitter):
    placed, seconds = place([time + jitter * (n % 3 - 1) for n, time in enumerate(steady(1, 500))])

    assert [p.follows for p in placed].count(False) == 1  # the start at 1 s
    assert seconds == pytest.approx(11.0, abs=0.02)


def test_a_slow_clock_stays_within_20_ms():
    _, seconds = place([time * 1.001 for time in steady(0, 5000)])

    assert seconds == pytest.approx(100.1, abs=0.02)


def test_a_fast_clock_stays_within_20_ms():
    _, seconds = place([time * 0.999 for time in steady(0, 5000)])

    assert seconds == pytest.approx(99.9, abs=0.02)


@pytest.mark.parametrize("wrong", [-100.0, 0.5, 3_000.0, 1e9, None])
def test_a_single_wrong_timestamp_is_ignored(wrong):
    times: list[float | None] = [*steady(0, 100)]
    times[60] = wrong

    placed, seconds = place(times)

    assert seconds == pytest.approx(2.0)
    assert all(p.follows for p in placed)


@pytest.mark.parametrize("stuck", [0.0, 5.0])
def test_timestamps_that_stand_still_are_ignored(stuck):
    _, seconds = place([stuck] * 100, starts_at_zero=False)

    assert seconds == pytest.approx(2.0)


def test_a_second_recording_follows_the_first():
    placed, seconds = place(steady(0, 100) + steady(0, 50) + steady(2, 50))

    assert len(placed) == 200
    assert seconds == pytest.approx(2.0 + 3.0)


def test_a_gap_just_before_a_second_recording_is_kept():
    _, seconds = place(steady(0, 100) + steady(5, 3) + steady(0, 50))

    assert seconds == pytest.approx(5.06 + 1.0)


def test_a_chunk_that_was_appended_twice_is_heard_once():
    placed, seconds = place(steady(0, 200) + steady(3, 50) + steady(4, 50))

    assert seconds == pytest.approx(5.0)
    assert len(placed) == 250


def test_an_overlap_is_cut_to_the_sample():
    placed, seconds = place(steady(0, 100) + steady(1.504, 50))

    assert [p.skipped for p in placed if not p.follows] == [pytest.approx(0.016)]
    assert seconds == pytest.approx(2.504)


def test_timestamps_beyond_the_declared_end_add_no_silence():
    _, seconds = place(steady(0, 100) + steady(500, 100), declared_end=4.0)

    assert seconds == pytest.approx(4.0)


@pytest.mark.parametrize(("first", "seconds"), [(0.0, 2.0), (1.5, 3.5), (-0.007, 2.0), (5_000.0, 2.0)])
def test_a_late_start_is_silence_unless_it_is_a_broadcast_clock(first, seconds):
    assert place(steady(first, 100))[1] == pytest.approx(seconds)


def test_a_container_with_a_cut_beginning_starts_at_its_first_sample():
    assert place(steady(1.5, 100), starts_at_zero=False)[1] == pytest.approx(2.0)


def test_a_container_without_timestamps_has_no_gaps():
    assert place(steady(0, 50) + steady(4, 50), stamped=False)[1] == pytest.approx(2.0)


@pytest.mark.parametrize(("starts_at_zero", "seconds"), [(True, 2.0 + 3.5), (False, 2.0 + 2.0)])
def test_a_joined_recording_has_a_clock_of_its_own(starts_at_zero, seconds):
    _, total = place(steady(0, 100), steady(1.5, 100), starts_at_zero=starts_at_zero)

    assert total == pytest.approx(seconds)


def test_a_joined_recording_may_continue_the_clock_of_the_one_before():
    _, seconds = place(steady(0, 100), steady(5, 100))

    assert seconds == pytest.approx(7.0)


def test_a_gap_just_before_a_joined_recording_is_kept():
    _, seconds = place(steady(0, 100) + steady(5, 2), steady(0, 50))

    assert seconds == pytest.approx(5.04 + 1.0)
