"""The choice of gain: one linear gain, and a limiter for peaks.

The limiter acts where peaks would exceed the ceiling.
"""

from typing import Self

import msgspec

from orak.adapters.audio.decoding import RATE
from orak.adapters.audio.filtering import Filter
from orak.adapters.audio.loudness import Measurement
from orak.domain.audio import CEILING_DBTP, MAX_GAIN_DB, MAX_LIMITING_DB, TARGET_LUFS

_ENCODER_HEADROOM_DB = 0.5
"""Lossy encoders move peaks: AAC at 128 kb/s by 0.3 dB in the files measured, rarely by more than 0.5 dB."""

_RETRY_HEADROOM_DB = 0.25
"""Lowers the ceiling beyond the measured overshoot: the next encoding may overshoot differently."""

_METER_TOLERANCE_DB = 0.1
"""Upper bound of the difference between two decoders or two meters."""

_LOUDNESS_TOLERANCE_LU = 0.3
"""Leaves 0.2 LU of the promised ± 0.5 LU to differences between decoders."""

_LIGHT_LIMITING_DB = 1.5
"""Limiting peaks by this much costs less loudness than `_LOUDNESS_TOLERANCE_LU`."""


class Gain(msgspec.Struct, frozen=True):
    """The gain and limiting for one recording. Each correction returns a new instance."""

    source: Measurement
    wanted_db: float
    """The gain that reaches the target loudness, before any bound applies."""

    ceiling_dbtp: float = CEILING_DBTP - _ENCODER_HEADROOM_DB
    """Upper bound of the true peak at the encoder's input."""

    @classmethod
    def initial(cls, source: Measurement) -> Self:
        """Return the gain to start with.

        It fits if limiting costs no loudness and encoding moves no peak.
        """
        return cls(source, 0.0 if source.lufs is None else TARGET_LUFS - source.lufs)

    @property
    def db(self) -> float:
        """The linear gain in dB.

        It is the wanted gain, bounded by +30 dB and by the limiter's range.
        """
        if self.source.true_peak_db is None:
            return 0.0
        headroom = self.ceiling_dbtp - self.source.true_peak_db
        # A recording too short or too quiet to have a loudness is never raised; only its peak is bounded.
        limiting = 0.0 if self.source.lufs is None else MAX_LIMITING_DB
        return min(self.wanted_db, MAX_GAIN_DB, headroom + limiting)

    @property
    def limiting_db(self) -> float:
        """How far the limiter lowers the highest peak, in dB; 0 if no limiter is needed."""
        if self.source.true_peak_db is None:
            return 0.0
        return max(0.0, self.source.true_peak_db + self.db - self.ceiling_dbtp)

    @property
    def needs_trial(self) -> bool:
        """Whether measuring before encoding is cheaper.

        It is when limiting may take away much loudness.
        """
        return self.limiting_db > _LIGHT_LIMITING_DB

    def filters(self) -> tuple[Filter, ...]:
        """Return the filters that apply this gain, 48 kHz in and out."""
        volume = ("volume", f"{self.db:.4f}dB")
        if self.limiting_db == 0.0:
            return (volume,)
        ceiling = 10 ** (self.ceiling_dbtp / 20)
        return (
            ("aresample", str(4 * RATE)),  # oversampled, so that peaks between samples are limited too
            volume,
            ("alimiter", f"limit={ceiling:.6f}:level=0:latency=1:attack=5:release=50"),
            ("aresample", str(RATE)),
        )

    def corrected(self, result: Measurement) -> Self | None:
        """Return the gain to try after measuring *result*, or None if none is better."""
        wanted, ceiling = self.wanted_db, self.ceiling_dbtp
        if result.true_peak_db is not None:
            over = result.true_peak_db - (CEILING_DBTP - _METER_TOLERANCE_DB / 2)
            if over > 0:
                ceiling -= over + _RETRY_HEADROOM_DB
        if result.lufs is not None and abs(TARGET_LUFS - result.lufs) > _LOUDNESS_TOLERANCE_LU:
            wanted = self.db + TARGET_LUFS - result.lufs
        other = msgspec.structs.replace(self, wanted_db=wanted, ceiling_dbtp=ceiling)
        unchanged = abs(other.db - self.db) < _METER_TOLERANCE_DB and other.ceiling_dbtp == self.ceiling_dbtp
        return None if unchanged else other
