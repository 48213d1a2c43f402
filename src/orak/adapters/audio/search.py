"""The search for the setting whose published file keeps both promises: loudness and true peak.

A lossy encoder moves peaks by several dB, in no order: less gain may give higher peaks. So each encoding is
measured, the next one starts from what was learned, and the best of all is published.
"""

import math
from typing import Literal, Self

import msgspec

from orak.adapters.audio.decoding import RATE
from orak.adapters.audio.dips import BLOCK, Dips, Peak, deepened, relieved
from orak.adapters.audio.gain import LIMITERS, Setting
from orak.adapters.audio.limits import MAX_ENCODINGS, MAX_REHEARSALS
from orak.adapters.audio.loudness import Measurement
from orak.domain.audio import (
    CEILING_DBTP,
    LOUDNESS_TOLERANCE_LU,
    MAX_GAIN_DB,
    MAX_LIMITING_DB,
    TARGET_LUFS,
    LoudnessLimit,
)

PEAK_LIMIT_DBTP = CEILING_DBTP - 0.02
"""Leaves 0.02 dB of the promised peak to differences between two decoders or meters."""

HIGH_PEAK_DBTP = PEAK_LIMIT_DBTP - 2.5
"""In a file above the limit, blocks above this are of interest: the next encoding may raise their peaks."""

_ACCEPTED_LU = LOUDNESS_TOLERANCE_LU - 0.02
"""Leaves 0.02 LU of the promised loudness to differences between two decoders or meters."""

_SAFE_PEAK_DB = 4.5
"""Peaks this far below the limit do not reach it: encoders raise those of claps by up to 5 dB, but claps have
higher peaks, and those of steady sounds by 0.3 dB."""

_FORESEEN_LOSS_LU = 0.02
"""An encoder that removes no more than this does not change the loudness otherwise either."""

_FORESEEN_SAMPLES = 10 * RATE
"""In less, the padding that an encoder adds may be a block of the meter: more than 0.04 LU."""

_ENCODER_HEADROOM_DB = 0.5
"""Headroom of the first encoding. Speech, singing and most music overshoot by less."""

_LIGHT_LIMITING_DB = 1.0
"""Limiting by less costs little loudness: a rehearsal would not pay."""

_RESERVE_LU = 0.15
"""How much louder than the target limited audio is aimed at; three times as much for many dips."""

_TYPICAL_SLOPE, _LEAST_SLOPE = 0.6, 0.25
"""LU for one dB more into the limiter: what claps and voices have, and the least that is believed."""

_FEW_PEAKS = 12
"""Up to so many blocks above the limit are turned down one by one. More are no accident: another encoding
raises others, and only a lower ceiling keeps them all below."""

_CEILING_MARGIN_DB = 0.3
"""How far the ceiling goes below what the last encoding asks for."""

_MARGINS_DB = (0.4, 0.8, 1.2, 1.6, 2.0)
"""How far dips go below the true peak's limit after the first encoding above it, the second, and so on."""

_DIP_RELIEF_DB = 0.4
"""Where dips leave the true peak further below its limit than this, they are deeper than they have to be."""

_LAST_MARGINS_DB = (1.0, 4.0)
"""The same for the gain of the whole recording, when dips do not help. The last is more than encoders add."""

_SLOPE_SPAN_DB = 0.3
"""Tries closer than this say nothing about the slope."""

_SAME_DB = 0.05
"""Settings closer than this count as one: the second would give the same result."""


class Try(msgspec.Struct, frozen=True):
    """A setting, and what was measured with it."""

    setting: Setting
    result: Measurement
    encoded: bool
    """Whether *result* is of the encoded file; otherwise of the encoder's input."""

    peaks: tuple[Peak, ...] = ()
    """Blocks above `HIGH_PEAK_DBTP` in an encoded file that exceeds `PEAK_LIMIT_DBTP`."""

    @property
    def excess_db(self) -> float:
        """How far the true peak is above its limit; negative below."""
        peak = self.result.true_peak_db
        return -math.inf if peak is None else peak - PEAK_LIMIT_DBTP

    @property
    def shortfall_lu(self) -> float:
        """How much louder the result has to become; 0 without a loudness."""
        return 0.0 if self.result.kept_lufs is None else TARGET_LUFS - self.result.kept_lufs

    @property
    def keeps_promises(self) -> bool:
        """Whether both promises are kept, with a margin."""
        return self.excess_db <= 0 and abs(self.shortfall_lu) <= _ACCEPTED_LU


class Step(msgspec.Struct, frozen=True):
    """What to do next: measure the encoder's input (`rehearse`), or `encode` and measure the file."""

    action: Literal["rehearse", "encode"]
    setting: Setting


class LoudnessSearch(msgspec.Struct, frozen=True):
    """The search for one recording. It does nothing itself: `after` returns the search that learned more."""

    source: Measurement
    tries: tuple[Try, ...] = ()

    def after(self, step: Step, result: Measurement, peaks: tuple[Peak, ...] = ()) -> Self:
        """Return the search that knows the *result* of *step*, and the high *peaks* in its file."""
        found = Try(step.setting, result, step.action == "encode", peaks)
        return msgspec.structs.replace(self, tries=(*self.tries, found))

    @property
    def next(self) -> Step | None:
        """The next step; None if no encoding is left or another would not help."""
        if not self.tries:
            return self._start()
        last = self.tries[-1]
        if len(self.encodings) == MAX_ENCODINGS or (last.encoded and last.keeps_promises):
            return None
        setting = self._improved(last)
        tried = (
            self.encodings if last.encoded else self.tries
        )  # a rehearsal does not tell what the encoder does
        if any(_same(setting, each.setting) for each in tried):
            return None if last.encoded else Step("encode", last.setting)
        limiting = setting.limiting_db(self.source)
        if last.encoded:
            unheard = limiting - last.setting.limiting_db(self.source) > _LIGHT_LIMITING_DB
        else:
            unheard = setting.limiter != last.setting.limiter or abs(last.shortfall_lu) > _ACCEPTED_LU
        left = len(self.tries) - len(self.encodings) < MAX_REHEARSALS
        return Step("rehearse" if unheard and left else "encode", setting)

    def is_near_ceiling(self, within_db: float) -> bool:
        """Return whether the first gain brings the source's peak *within_db* of where limiting begins."""
        peak, start = self.source.true_peak_db, self._start().setting
        return peak is not None and peak + start.gain_db > start.ceiling_dbtp - within_db

    def expected(self, setting: Setting) -> Measurement | None:
        """Return what a file with this *setting* will measure; None if a promise is near.

        The loudness is foreseen where nothing is limited and the encoder removes nothing.
        """
        source = self.source
        if source.lufs is None or source.true_peak_db is None:
            return None
        if source.lost_lu > _FORESEEN_LOSS_LU or source.samples < _FORESEEN_SAMPLES:
            return None
        peak = source.true_peak_db + setting.gain_db
        if setting.dips or setting.limiting_db(source) > 0 or peak > PEAK_LIMIT_DBTP - _SAFE_PEAK_DB:
            return None
        return Measurement(source.samples, source.lufs + setting.gain_db, peak)

    @property
    def encodings(self) -> list[Try]:
        """The tries that were encoded, in order."""
        return [each for each in self.tries if each.encoded]

    @property
    def best(self) -> Try:
        """The encoding to publish: one that keeps the true peak, and of those the closest to the target."""
        return min(self.encodings, key=lambda each: (max(0.0, each.excess_db), abs(each.shortfall_lu)))

    @property
    def limited_by(self) -> LoudnessLimit | None:
        """Why the best encoding is quieter than the target; None if it is not."""
        if self.source.lufs is None:
            return LoudnessLimit.SILENCE
        if self.best.shortfall_lu <= LOUDNESS_TOLERANCE_LU:
            return None
        loudest = self.best.setting.gain_db >= MAX_GAIN_DB - _SAME_DB
        return LoudnessLimit.SILENCE if loudest else LoudnessLimit.HEADROOM

    def _start(self) -> Step:
        ceiling = CEILING_DBTP - _ENCODER_HEADROOM_DB
        wanted = 0.0 if self.source.kept_lufs is None else TARGET_LUFS - self.source.kept_lufs
        setting = Setting(self._allowed(wanted), ceiling)
        rehearse = setting.limiting_db(self.source) > _LIGHT_LIMITING_DB
        return Step("rehearse" if rehearse else "encode", setting)

    def _allowed(self, gain_db: float) -> float:
        """Return *gain_db* within its bounds: +30 dB, and the range of the limiter.

        The range counts from the promised peak: the encoder's headroom below it is not the recording's.
        Sound without a loudness is never raised or limited, only turned down.
        """
        peak = self.source.true_peak_db
        if peak is None:
            return 0.0
        if self.source.lufs is None:
            return min(gain_db, CEILING_DBTP - _ENCODER_HEADROOM_DB - peak)
        return min(gain_db, MAX_GAIN_DB, CEILING_DBTP + MAX_LIMITING_DB - peak)

    def _improved(self, last: Try) -> Setting:
        """Return the setting to follow *last*, possibly one that was tried.

        While peaks are in the way, the limiter becomes faster, and the fastest gets all the room there is.
        Where the encoder raised peaks, dips turn them down, further each time.
        """
        above = sum(each.excess_db > 0 for each in self.encodings)
        if above > len(_MARGINS_DB):
            return self._turned_down(_LAST_MARGINS_DB[above - len(_MARGINS_DB) - 1])
        gain, ceiling, limiter, dips, steady = msgspec.structs.astuple(last.setting)
        exceeded = last.encoded and last.excess_db > 0
        lowered = 0.0
        if exceeded and sum(peak.dbtp > PEAK_LIMIT_DBTP for peak in last.peaks) > _FEW_PEAKS:
            lowered = last.excess_db + _CEILING_MARGIN_DB
            ceiling -= lowered
        elif exceeded:
            dips = deepened(dips, last.peaks, PEAK_LIMIT_DBTP - _MARGINS_DB[above - 1])
        missing = 0.0
        # Any change of gain moves all peaks again, so a gain that fits is kept while dips are being found.
        fits = not lowered and last.encoded and above != 1 and abs(last.shortfall_lu) <= _ACCEPTED_LU
        if last.result.lufs is not None and self.source.lufs is not None and not fits:
            slope = self._slope(last)
            # The limiter keeps the height of the sound above its ceiling only in part.
            lost = (1 - slope) * lowered
            rise = (last.shortfall_lu + lost + self._reserve(last, dips)) / slope
            wanted = self._between(last, gain + rise)
            gain = self._allowed(wanted)
            missing = (wanted - gain) * slope
        if missing > _ACCEPTED_LU / 2 and gain < MAX_GAIN_DB and not exceeded:
            if dips and last.excess_db < -_DIP_RELIEF_DB:
                dips = relieved(dips, -last.excess_db - _DIP_RELIEF_DB / 2)
            elif limiter + 1 < len(LIMITERS):
                limiter += 1
            elif not self._has_exceeded:
                ceiling = PEAK_LIMIT_DBTP - _SAME_DB
        return Setting(gain, ceiling, limiter, dips, steady or exceeded)

    def _between(self, last: Try, wanted_db: float) -> float:
        """Return *wanted_db*, but between the gains that were too low and too high with this setting.

        Loudness need not be even: a gain that lifts quiet parts over the gate of BS.1770 adds a step.
        """
        alike = [each for each in self.encodings if _same_but_gain(each.setting, last.setting)]
        low = max((each for each in alike if each.shortfall_lu > 0), key=_gain_of, default=None)
        high = min((each for each in alike if each.shortfall_lu < 0), key=_gain_of, default=None)
        if low is None or high is None or _gain_of(low) >= _gain_of(high):
            return wanted_db
        lowest, highest = _gain_of(low) + 2 * _SAME_DB, _gain_of(high) - 2 * _SAME_DB
        if lowest <= wanted_db <= highest:
            return wanted_db
        share = low.shortfall_lu / (low.shortfall_lu - high.shortfall_lu)
        return _gain_of(low) + share * (_gain_of(high) - _gain_of(low))

    @property
    def _has_exceeded(self) -> bool:
        """Whether an encoding exceeded the true peak: the ceiling then stays as low as it asked for."""
        return any(each.excess_db > 0 for each in self.encodings)

    def _turned_down(self, margin_db: float) -> Setting:
        """Return the setting that came nearest to the true peak, with less gain if it exceeded it."""
        setting, excess = self.best.setting, self.best.excess_db
        return (
            msgspec.structs.replace(setting, gain_db=setting.gain_db - excess - margin_db)
            if excess > 0
            else setting
        )

    def _reserve(self, last: Try, dips: Dips) -> float:
        """Return how much louder than the target to aim, for what the encoder and more dips will take."""
        if last.setting.limiting_db(self.source) == 0.0:
            return 0.0
        return _RESERVE_LU + min(2 * _RESERVE_LU, 10 * len(dips) * BLOCK / max(1, self.source.samples))

    def _slope(self, last: Try) -> float:
        """Return how many LU one more dB of gain brings at *last*: 1 without limiting, less with it."""
        drive = last.setting.limiting_db(self.source)
        if drive == 0.0 or last.result.lufs is None:
            return 1.0
        height = last.result.lufs - last.setting.ceiling_dbtp
        for each in reversed(self.tries[:-1]):
            other = each.setting.limiting_db(self.source)
            alike = each.setting.limiter == last.setting.limiter and each.setting.dips == last.setting.dips
            if alike and other > 0.0 and each.result.lufs is not None and abs(drive - other) > _SLOPE_SPAN_DB:
                slope = (height - (each.result.lufs - each.setting.ceiling_dbtp)) / (drive - other)
                return min(1.0, max(_LEAST_SLOPE, slope))
        return _TYPICAL_SLOPE


def _gain_of(each: Try) -> float:
    return each.setting.gain_db


def _same(one: Setting, other: Setting) -> bool:
    return _same_but_gain(one, other) and abs(one.gain_db - other.gain_db) < _SAME_DB


def _same_but_gain(one: Setting, other: Setting) -> bool:
    return (
        one.limiter == other.limiter
        and one.dips == other.dips
        and abs(one.ceiling_dbtp - other.ceiling_dbtp) < _SAME_DB
    )
