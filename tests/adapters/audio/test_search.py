"""The search alone, with encoders that are simulated because real ones cannot be told how to fail."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orak.adapters.audio.dips import Peak, relieved
from orak.adapters.audio.gain import LIMITERS
from orak.adapters.audio.limits import MAX_ENCODINGS, MAX_REHEARSALS
from orak.adapters.audio.loudness import Measurement
from orak.adapters.audio.search import HIGH_PEAK_DBTP, PEAK_LIMIT_DBTP, LoudnessSearch
from orak.domain.audio import (
    CEILING_DBTP,
    MAX_GAIN_DB,
    MAX_LIMITING_DB,
    TARGET_LUFS,
    LoudnessLimit,
)

BLOCKS = 40


class Encoder:
    """An encoder that raises peaks: by a fixed amount in each block, and by chance in each encoding."""

    def __init__(self, source, *, fixed=0.0, chance=0.0, loss=0.0, softness=0.4, seed=0):
        self.source = source
        self.chance = chance
        self.loss = loss
        self.softness = softness
        self.random = random.Random(seed)  # noqa: S311 - repeatable
        self.levels = [-self.random.random() * 6 for _ in range(BLOCKS - 1)] + [0.0]
        self.overshoots = [self.random.random() * fixed for _ in range(BLOCKS)]

    def measure(self, step):
        """Return what measuring the encoder's input, or its file, finds."""
        setting, source = step.setting, self.source
        limiting = setting.limiting_db(source)
        lost = limiting * self.softness / (1 + setting.limiter)
        if source.true_peak_db is None:
            return Measurement(source.samples, None, None), ()
        peaks = [
            min(setting.ceiling_dbtp, source.true_peak_db + level + setting.gain_db)
            - setting.dips.get(block, 0.0)
            for block, level in enumerate(self.levels)
        ]
        if step.action == "encode":
            lost += self.loss
            peaks = [
                peak + overshoot + self.random.random() * self.chance
                for peak, overshoot in zip(peaks, self.overshoots, strict=True)
            ]
        lufs = None if source.lufs is None else source.lufs + setting.gain_db - lost
        high = tuple(Peak(block, peak) for block, peak in enumerate(peaks) if peak > HIGH_PEAK_DBTP)
        return Measurement(source.samples, lufs, max(peaks)), high


def run(encoder):
    search = LoudnessSearch(encoder.source)
    while step := search.next:
        result, high = encoder.measure(step)
        search = search.after(step, result, high)
    return search


def a_source(lufs, true_peak_db):
    return Measurement(480_000, lufs, true_peak_db)


@pytest.mark.parametrize(("lufs", "peak"), [(-20.0, -10.0), (-9.0, 0.5), (-40.0, -28.0), (-14.0, -2.0)])
def test_one_encoding_is_enough_where_no_peak_is_in_the_way(lufs, peak):
    search = run(Encoder(a_source(lufs, peak), fixed=0.3))

    assert len(search.tries) == 1
    assert search.best.result.lufs == pytest.approx(TARGET_LUFS)
    assert search.limited_by is None


@settings(max_examples=300, deadline=None)
@given(
    lufs=st.floats(-69, 0) | st.none(),
    crest=st.floats(0, 40),
    fixed=st.floats(0, 4),
    chance=st.floats(0, 1.5),
    loss=st.floats(0, 2),
    softness=st.floats(0, 0.9),
    seed=st.integers(0, 10**6),
)
def test_the_true_peak_is_always_kept_within_a_bounded_number_of_passes(
    lufs, crest, fixed, chance, loss, softness, seed
):
    source = a_source(lufs, (-30 if lufs is None else lufs) + crest)
    search = run(Encoder(source, fixed=fixed, chance=chance, loss=loss, softness=softness, seed=seed))

    assert 1 <= len(search.encodings) <= MAX_ENCODINGS
    assert len(search.tries) - len(search.encodings) <= MAX_REHEARSALS
    assert search.best.result.true_peak_db <= PEAK_LIMIT_DBTP
    for each in search.tries:
        assert each.setting.gain_db <= MAX_GAIN_DB
        assert source.true_peak_db + each.setting.gain_db <= CEILING_DBTP + MAX_LIMITING_DB + 1e-9
        assert lufs is not None or each.setting.gain_db <= 0
        assert 0 <= each.setting.limiter < len(LIMITERS)
    kept = [each for each in search.encodings if each.excess_db <= 0]
    assert search.best in kept
    assert abs(search.best.shortfall_lu) == min(abs(each.shortfall_lu) for each in kept)


@settings(max_examples=100, deadline=None)
@given(
    crest=st.floats(0, 17),
    fixed=st.floats(0, 3),
    chance=st.floats(0, 0.5),
    softness=st.floats(0, 0.3),
    seed=st.integers(0, 10**6),
)
def test_both_promises_are_kept_where_the_limiter_has_room(crest, fixed, chance, softness, seed):
    """The target needs at most 4 dB of limiting, so 2 dB are left for what limiting costs."""
    search = run(
        Encoder(a_source(-30.0, -30.0 + crest), fixed=fixed, chance=chance, softness=softness, seed=seed)
    )

    assert search.best.result.lufs == pytest.approx(TARGET_LUFS, abs=0.5)
    assert search.best.result.true_peak_db <= CEILING_DBTP
    assert search.limited_by is None


def test_the_best_encoding_is_published_not_the_last():
    source = a_source(-20.0, -5.0)
    results = [(-14.0, -0.5), (-14.1, -1.3), (-13.0, -0.9)]
    search = LoudnessSearch(source)
    for lufs, peak in results:
        step = search.next
        while step is not None and step.action == "rehearse":
            search = search.after(step, Measurement(source.samples, -14.0, -1.5))
            step = search.next
        if step is None:
            break
        search = search.after(step, Measurement(source.samples, lufs, peak), (Peak(3, peak),))

    assert search.best.result.true_peak_db == -1.3


def test_a_dip_is_made_where_the_encoder_raised_a_peak_and_only_there():
    search = LoudnessSearch(a_source(-20.0, -12.0))
    first = search.next
    search = search.after(first, Measurement(480_000, -14.0, 0.5), (Peak(7, 0.5), Peak(9, -2.9)))

    second = search.next

    assert second.action == "encode"
    assert second.setting.gain_db == first.setting.gain_db
    assert list(second.setting.dips) == [7]
    assert second.setting.dips[7] > 0.5 - CEILING_DBTP


def test_the_ceiling_is_lowered_where_each_encoding_raises_other_peaks():
    encoder = Encoder(a_source(-30.0, -14.5), chance=3.0, softness=0.2)
    encoder.levels = [0.0] * BLOCKS

    search = run(encoder)

    assert search.best.result.true_peak_db <= PEAK_LIMIT_DBTP
    assert search.best.result.lufs == pytest.approx(TARGET_LUFS, abs=0.5)
    assert not search.best.setting.dips
    assert len(search.encodings) <= 3


def test_a_gain_between_one_that_was_too_low_and_one_that_was_too_high():
    search = LoudnessSearch(a_source(-20.0, -12.0))
    gains = []
    for lufs in (-13.3, -14.7, -13.4):
        gains.append(search.next.setting.gain_db)
        search = search.after(search.next, Measurement(480_000, lufs, -3.0))
    gains.append(search.next.setting.gain_db)

    assert gains[1] < gains[2] < gains[0]
    assert gains[1] < gains[3] < gains[2]


def test_dips_become_less_deep_or_go():
    assert relieved({3: 2.0, 4: 0.5}, 0.5) == {3: 1.5}


@pytest.mark.parametrize(
    ("source", "limit"),
    [
        (a_source(None, None), LoudnessLimit.SILENCE),
        (a_source(None, -3.0), LoudnessLimit.SILENCE),
        (a_source(-60.0, -58.0), LoudnessLimit.SILENCE),
        (a_source(-40.0, -5.0), LoudnessLimit.HEADROOM),
        (a_source(-20.0, -8.0), None),
    ],
)
def test_the_limit_names_what_was_in_the_way(source, limit):
    assert run(Encoder(source)).limited_by is limit


def test_a_faster_limiter_is_used_only_where_the_gentle_one_does_not_reach_the_target():
    gentle = run(Encoder(a_source(-20.0, -3.0), softness=0.2))
    hard = run(Encoder(a_source(-20.0, -2.0), softness=0.6))

    assert gentle.best.setting.limiter == 0
    assert hard.best.setting.limiter > 0
