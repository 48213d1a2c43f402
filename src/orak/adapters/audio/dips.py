"""Short dips in level, where an encoder raised single peaks above the limit.

A lossy encoder gives some sounds, such as one clap of many, peaks that are 2 to 5 dB higher. Limiting the
whole recording harder does not remove them; turning down those moments does.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from av.audio.frame import AudioFrame

from orak.adapters.audio.decoding import RATE
from orak.adapters.audio.filtering import Filter, apply_filters

BLOCK = RATE // 100
"""Samples of one block: 10 ms."""

Dips = Mapping[int, float]
"""By how many dB to turn down which block; the blocks are counted from the start."""

_OVERSAMPLING = 4
_PEAK = "lavfi.astats.Overall.Peak_level"
_METER: tuple[Filter, ...] = (
    ("aresample", str(_OVERSAMPLING * RATE)),  # as the meter of EBU R 128 does
    ("asetnsamples", f"n={_OVERSAMPLING * BLOCK}:p=0"),
    ("astats", "metadata=1:reset=1:measure_perchannel=none:measure_overall=Peak_level"),
)


class Peak(msgspec.Struct, frozen=True):
    """The true peak of one block."""

    block: int
    dbtp: float


def find_peaks(frames: Iterator[AudioFrame], above_dbtp: float) -> tuple[Peak, ...]:
    """Return the blocks of *frames* (48 kHz) with a true peak above *above_dbtp*."""
    found = []
    for block, frame in enumerate(apply_filters(frames, _METER)):
        peak = float(frame.metadata.get(_PEAK, "-inf"))
        if peak > above_dbtp:
            found.append(Peak(block, peak))
    return tuple(found)


def deepened(dips: Dips, peaks: Iterable[Peak], limit_dbtp: float) -> Dips:
    """Return *dips*, deeper where one of *peaks* is above *limit_dbtp*."""
    deeper = dict(dips)
    for peak in peaks:
        if peak.dbtp > limit_dbtp:
            deeper[peak.block] = deeper.get(peak.block, 0.0) + peak.dbtp - limit_dbtp
    return deeper


def relieved(dips: Dips, by_db: float) -> Dips:
    """Return *dips* that are *by_db* less deep; those that were no deeper are gone."""
    return {block: depth - by_db for block, depth in dips.items() if depth > by_db}


def apply_dips(frames: Iterator[AudioFrame], dips: Dips) -> Iterator[AudioFrame]:
    """Yield *frames* (48 kHz, planar float) with *dips*; the level moves within a block's length."""
    depths: dict[int, float] = {}
    for block, depth in dips.items():
        for near in (block - 1, block, block + 1):
            depths[near] = max(depths.get(near, 0.0), depth)
    # The gain at the middle of each block; in between it is interpolated.
    gains = {block: 10 ** (-depth / 20) for block, depth in depths.items()}
    position = 0
    for frame in frames:
        first = (position - BLOCK // 2) // BLOCK
        last = (position + frame.samples - BLOCK // 2) // BLOCK + 1
        if any(block in gains for block in range(first, last + 1)):
            yield _turned_down(frame, position, gains)
        else:
            yield frame
        position += frame.samples


def _turned_down(frame: AudioFrame, position: int, gains: Mapping[int, float]) -> AudioFrame:
    curve = []
    for sample in range(position, position + frame.samples):
        block, offset = divmod(sample - BLOCK // 2, BLOCK)
        before, after = gains.get(block, 1.0), gains.get(block + 1, 1.0)
        curve.append(before + (after - before) * offset / BLOCK)
    turned = AudioFrame(frame.format.name, frame.layout.name, frame.samples)
    turned.sample_rate, turned.pts, turned.time_base = frame.sample_rate, frame.pts, frame.time_base
    for source, target in zip(frame.planes, turned.planes, strict=True):
        levels = array("f", bytes(source)[: 4 * frame.samples])
        product = array("f", [level * gain for level, gain in zip(levels, curve, strict=True)])
        target.update(product.tobytes().ljust(target.buffer_size, b"\0"))
    return turned
