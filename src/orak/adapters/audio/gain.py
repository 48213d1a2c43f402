"""How a take is brought to its loudness: one linear gain, and a limiter where a peak is in the way."""

from typing import Self

import msgspec

from orak.adapters.audio.decoding import RATE
from orak.adapters.audio.filtering import Filter
from orak.adapters.audio.loudness import Measured
from orak.domain.audio import CEILING_DBTP, MAX_GAIN_DB, MAX_LIMITING_DB, TARGET_LUFS

_ROOM_FOR_THE_ENCODER_DB = 0.5
"""A lossy encoder moves peaks: AAC at 128 kb/s by 0.3 dB where it was looked at, seldom by more than 0.5."""

_MORE_ROOM_DB = 0.25
"""Taken off the ceiling besides what was over it, for what the encoder will do differently the next time."""

_SAFETY_DB = 0.1
"""Two decoders, or two ways of collect_metrics, differ by less than this."""

_CLOSE_ENOUGH_LU = 0.3
"""The promise is 0.5; what is left is for the next decoder."""

_LITTLE_LIMITING_DB = 1.5
"""So much off the peaks does not change the loudness by as much as `_CLOSE_ENOUGH_LU`."""


class Gain(msgspec.Struct, frozen=True):
    """How to treat one take; immutable, each correction is another one."""

    source: Measured
    wanted_db: float
    """The gain that the loudness asks for, before any bound."""

    ceiling_dbtp: float = CEILING_DBTP - _ROOM_FOR_THE_ENCODER_DB
    """No true peak goes over this into the encoder."""

    @classmethod
    def first(cls, source: Measured) -> Self:
        """The gain that would be right if limiting cost no loudness and encoding moved no peak."""
        return cls(source, 0.0 if source.lufs is None else TARGET_LUFS - source.lufs)

    @property
    def db(self) -> float:
        """The linear gain: what is wanted, within +30 dB and within what the limiter may take off."""
        if self.source.true_peak_db is None:
            return 0.0
        headroom = self.ceiling_dbtp - self.source.true_peak_db
        # Too short or too quiet to have a loudness: nothing is raised, and only its peak is looked after.
        limiting = 0.0 if self.source.lufs is None else MAX_LIMITING_DB
        return min(self.wanted_db, MAX_GAIN_DB, headroom + limiting)

    @property
    def limiting_db(self) -> float:
        """What the limiter takes off the highest peak; 0 when it is not needed."""
        if self.source.true_peak_db is None:
            return 0.0
        return max(0.0, self.source.true_peak_db + self.db - self.ceiling_dbtp)

    @property
    def should_be_tried(self) -> bool:
        """Whether limiting may cost so much loudness that it is cheaper to measure before encoding."""
        return self.limiting_db > _LITTLE_LIMITING_DB

    def filters(self) -> tuple[Filter, ...]:
        """The filters that do it, 48 kHz in and out."""
        volume = ("volume", f"{self.db:.4f}dB")
        if self.limiting_db == 0.0:
            return (volume,)
        ceiling = 10 ** (self.ceiling_dbtp / 20)
        return (
            ("aresample", str(4 * RATE)),  # so that the peaks between the samples are limited too
            volume,
            ("alimiter", f"limit={ceiling:.6f}:level=0:latency=1:attack=5:release=50"),
            ("aresample", str(RATE)),
        )

    def corrected(self, result: Measured) -> Self | None:
        """What to do next after *result* was heard; None when it is right, or as right as it can be."""
        wanted, ceiling = self.wanted_db, self.ceiling_dbtp
        if result.true_peak_db is not None:
            over = result.true_peak_db - (CEILING_DBTP - _SAFETY_DB / 2)
            if over > 0:
                ceiling -= over + _MORE_ROOM_DB
        if result.lufs is not None and abs(TARGET_LUFS - result.lufs) > _CLOSE_ENOUGH_LU:
            wanted = self.db + TARGET_LUFS - result.lufs
        other = msgspec.structs.replace(self, wanted_db=wanted, ceiling_dbtp=ceiling)
        unchanged = abs(other.db - self.db) < _SAFETY_DB and other.ceiling_dbtp == self.ceiling_dbtp
        return None if unchanged else other
