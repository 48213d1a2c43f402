"""The settings that turn a source into the encoder's input: one linear gain, a limiter for peaks, dips."""

from collections.abc import Sequence

import msgspec

from orak.adapters.audio.decoding import RATE
from orak.adapters.audio.dips import Dips
from orak.adapters.audio.filtering import Filter
from orak.adapters.audio.loudness import Measurement

LIMITERS: Sequence[str] = ("attack=5:release=50", "attack=2:release=10", "attack=0.5:release=1")
"""Times of the limiter in milliseconds, gentle first.

A faster limiter takes less loudness from short sounds (claps, drums) and distorts more, so it is for those
that cannot reach the target otherwise.
"""

_OVERSAMPLING = 4

_NEGLIGIBLE_DB = 0.01


class Setting(msgspec.Struct, frozen=True):
    """One setting of gain and limiter."""

    gain_db: float
    ceiling_dbtp: float
    """Upper bound of the true peak at the encoder's input."""

    limiter: int = 0
    """Index in `LIMITERS`."""

    dips: Dips = {}
    """Moments to turn down, after the limiter."""

    steady: bool = False
    """Whether AAC encodes sum and difference only, and shapes no noise in time (TNS).

    Claps of noise then overshoot by up to 3 dB less.
    """

    def limiting_db(self, source: Measurement) -> float:
        """Return how far the limiter lowers the highest peak of *source*, in dB; 0 if none is needed."""
        if source.true_peak_db is None:
            return 0.0
        over = source.true_peak_db + self.gain_db - self.ceiling_dbtp
        return over if over > _NEGLIGIBLE_DB else 0.0

    def filters(self, source: Measurement, bandwidth_hz: int) -> tuple[Filter, ...]:
        """Return the filters that apply this setting to *source*, 48 kHz in and out.

        *bandwidth_hz* is what the encoder keeps. Limited audio is limited to that bandwidth first: peaks that
        were limited above it would come back when the encoder removes the rest.
        """
        volume = ("volume", f"{self.gain_db:.4f}dB")
        if self.limiting_db(source) == 0.0:
            return (volume,)
        rate = 2 * bandwidth_hz
        ceiling = 10 ** (self.ceiling_dbtp / 20)
        return (
            ("aresample", str(rate)),
            # Oversampled, so that peaks between samples are limited too.
            ("aresample", str(_OVERSAMPLING * rate)),
            volume,
            ("alimiter", f"limit={ceiling:.6f}:level=0:latency=1:{LIMITERS[self.limiter]}"),
            ("aresample", str(RATE)),
        )
