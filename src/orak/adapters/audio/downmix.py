"""Channel layouts: what each channel contributes to mono or stereo."""

import math
from collections.abc import Sequence

import msgspec
from av.audio.codeccontext import AudioCodecContext
from av.audio.layout import AudioLayout

MAX_CHANNELS = 32
"""More channels are a multitrack session, whose mix was never made."""

_LEFT = frozenset({"FL", "BL", "FLC", "SL", "TFL", "TBL", "DL", "WL", "SDL", "TSL", "BFL", "SSL", "TTL"})
_RIGHT = frozenset({"FR", "BR", "FRC", "SR", "TFR", "TBR", "DR", "WR", "SDR", "TSR", "BFR", "SSR", "TTR"})
_CENTRE = frozenset({"FC", "BC", "TC", "TFC", "TBC", "BFC"})
_LFE = frozenset({"LFE", "LFE2"})
_FRONT = frozenset({"FL", "FR", "DL", "DR"})
_MINUS_3_DB = math.sqrt(0.5)
_MINUS_6_DB = 0.5


class Mix(msgspec.Struct, frozen=True):
    """How the channels of a frame become one or two."""

    stereo: bool
    pan: str | None
    """Arguments of libav's `pan` filter; None for one channel, or left and right."""


def mix_for(places: Sequence[str]) -> Mix:
    """Return the mix for channels at *places*, by libav's names ("FL", "AMBI0", "NONE" …).

    Surround is mixed by ITU-R BS.775. Its LFE is kept at -6 dB, because recorders label a sixth microphone
    so. First-order ambisonics becomes two opposite cardioids. Channels without places become mono at equal
    power: any of them may have the voice, and none is lost.
    """
    count = len(places)
    if count == 1:
        return Mix(stereo=False, pan="mono|c0=c0")
    if tuple(places[:2]) == ("AMBI0", "AMBI1"):
        return _pan([(_MINUS_6_DB, _MINUS_6_DB), (_MINUS_6_DB, -_MINUS_6_DB), *map(_shares, places[2:])])
    if any(_is_known(place) for place in places):
        return _pan([_shares(place) for place in places])
    if count == 2:
        return Mix(stereo=True, pan="stereo|c0=c0|c1=c1")
    share = 1 / math.sqrt(count)
    return Mix(stereo=False, pan="mono|c0=" + "+".join(f"{share:.6f}*c{n}" for n in range(count)))


def _is_known(place: str) -> bool:
    return place in _LEFT or place in _RIGHT or place in _CENTRE or place in _LFE


def _shares(place: str) -> tuple[float, float]:
    """Return the gains with which a channel at *place* goes to the left and to the right."""
    if place.startswith("AMBI"):  # directions that two channels cannot express
        return (0.0, 0.0)
    if place in _LFE:
        return (_MINUS_6_DB, _MINUS_6_DB)
    gain = 1.0 if place in _FRONT else _MINUS_3_DB
    return (0.0 if place in _RIGHT else gain, 0.0 if place in _LEFT else gain)


def _pan(shares: Sequence[tuple[float, float]]) -> Mix:
    sides = [
        "+".join(f"{share[side]:.6f}*c{n}" for n, share in enumerate(shares) if share[side]) or "0*c0"
        for side in (0, 1)
    ]
    return Mix(stereo=True, pan=f"stereo|c0={sides[0]}|c1={sides[1]}")


def claim_layout(context: AudioCodecContext) -> tuple[str, ...]:
    """Give *context*, not yet open, a channel layout without a custom order; return the channels' places.

    PyAV 18 copies a layout without the memory that a custom order points to, and frees it with each copy.
    The layout read here shares that memory with the context. Giving the context another one leaves the
    memory to a single owner, and decoded frames never point to it. PyAV 19 copies the memory too.
    """
    layout = context.layout
    if layout.nb_channels == 0:  # only the decoder knows
        return ()
    places = tuple(channel.name for channel in layout.channels)
    name = layout.name
    custom = " channels (" in name or (name.startswith("ambisonic") and "+" in name)
    context.layout = AudioLayout(f"{layout.nb_channels}C" if custom else name)
    return places
