"""Goal 14: how many of a hundred generated recordings keep both promises, and what that takes."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, product
from pathlib import Path

import msgspec

from audio_samples import Measured, claps, kicks, listen, write_formula
from orak.adapters.audio.child_converter import ChildConverter
from orak.application.ports.converter import ConversionOrder
from orak.domain.audio import (
    CEILING_DBTP,
    LOUDNESS_TOLERANCE_LU,
    MAX_GAIN_DB,
    MAX_LIMITING_DB,
    TARGET_LUFS,
    AudioProfile,
    Conversion,
)

_CODECS = ("flac-stereo", "ogg-opus", "m4a-aac", "mp3", "ogg-vorbis", "webm-opus")


class Take(msgspec.Struct, frozen=True):
    """One recording to generate."""

    kind: str
    name: str
    formula: str
    filters: tuple[tuple[str, str], ...] = ()
    seconds: float = 5.0


def takes() -> Iterator[Take]:
    """Yield the recordings: claps, drums, voices, mixes, noise, quiet and odd sounds, and long ones."""
    yield from _claps()
    yield from _drums()
    yield from _voices()
    yield from _mixes()
    yield from _noise()
    yield from _ODD


def _claps() -> Iterator[Take]:
    for decay, period in product((4, 9, 12, 20, 35, 60, 100), (0.2, 0.31, 0.5, 1.0)):
        yield Take("claps", f"claps {decay}/s every {period} s", claps(decay, period))
    for level in (-30, -40, -50, -60):
        yield Take("quiet", f"claps at {level} dB", claps(12, 0.31), _at(level))
    yield Take("long", "claps for 5 min", claps(12, 0.31), (), 300)


def _drums() -> Iterator[Take]:
    for decay, period, level in product((20, 60), (0.125, 0.25), (0, -12)):
        name = f"hi-hat {decay}/s every {period} s at {level} dB"
        yield Take("drums", name, claps(decay, period), (("highpass", "f=7000"), *_at(level)))
    for (hertz, decay), period in product(((55, 8), (60, 20), (180, 25), (60, 40)), (0.33, 0.5, 1.0)):
        name = f"{hertz} Hz drum {decay}/s every {period} s"
        yield Take("drums", name, kicks(hertz, decay, period))


def _voices() -> Iterator[Take]:
    for pitch, level in product((110, 220, 330), (-6, -20, -35)):
        yield Take("voices", f"voice {pitch} Hz at {level} dB", voice(pitch), _at(level))
    for pitch, plosive in product((110, 220, 330), (2, 5, 8)):
        formula = f"0.2*({voice(pitch)})+0.04*{plosive}*{kicks(700, 250, 0.5)}"
        yield Take("voices", f"voice {pitch} Hz with plosives of {plosive}", formula)
    for level in (-30, -40, -50, -60):
        yield Take("quiet", f"voice at {level} dB", voice(220), _at(level))
    yield Take("long", "voice for 5 min", voice(220), _at(-20), 300)


def _mixes() -> Iterator[Take]:
    for pitch, drums, level in product((110, 220), (0.2, 0.5, 1.0, 2.0), (0, -20)):
        both = "|".join(
            f"0.25*({voice(pitch)})+{drums}*(0.4*{kicks(60, 15, 0.5)}+0.5*{side})"
            for side in claps(40, 0.25).split("|")
        )
        yield Take("mixes", f"mix {pitch} Hz, drums {drums}, at {level} dB", both, _at(level))


def _noise() -> Iterator[Take]:
    for cut, level in product((1_000, 4_000, 23_000), (0, -20)):
        formula = "0.5*(random(0)-0.5)|0.5*(random(1)-0.5)"
        name = f"noise up to {cut} Hz at {level} dB"
        yield Take("noise", name, formula, (("lowpass", f"f={cut}"), *_at(level)))


def _at(level: float) -> tuple[tuple[str, str], ...]:
    return (("volume", f"{level}dB"),)


def voice(pitch: int) -> str:
    """Return a formula for a sung note with vibrato, syllables and breath."""
    tones = "+".join(f"{level}*sin({n}*(2*PI*{pitch}*t+3*sin(10*PI*t)))" for n, level in _PARTIALS)
    return f"0.25*(0.55+0.45*sin(4.6*PI*t))*({tones}+0.05*(random(9)-0.5))"


_PARTIALS = ((1, 1.0), (2, 0.6), (3, 0.4), (5, 0.25))

_ODD = (
    Take("odd", "square wave", "0.5*(gte(sin(2*PI*220*t)\\,0)*2-1)"),
    Take("odd", "sweep", "0.5*sin(2*PI*(50*t+1200*t*t))"),
    Take("odd", "one impulse", "0.9*eq(floor(t*48000)\\,96000)"),
    Take("odd", "clipped voice", f"max(-1\\,min(1\\,9*({voice(110)})))"),
    Take("odd", "tone of 0.6 s", "0.1*sin(2*PI*440*t)", (), 0.6),
    Take("odd", "tone of 0.3 s", "0.1*sin(2*PI*440*t)", (), 0.3),
)


def promises(folder: Path) -> Iterator[str]:
    """Convert all takes; yield the lines of a table, then one line for each exception."""
    results = asyncio.run(_convert_all(folder))
    yield "| what | takes | both promises | true peak | encodings: takes |"
    yield "| --- | --- | --- | --- | --- |"
    for kind in dict.fromkeys(take.kind for take, _, _ in results):
        yield _row(kind, [result for result in results if result[0].kind == kind])
    yield _row("all", results)
    for take, conversion, published in results:
        if not (_loud(published) and _peak(published)):
            yield f"- {take.name}: {_reason(conversion, published)}"


_Result = tuple[Take, Conversion, Measured]


async def _convert_all(folder: Path) -> list[_Result]:
    results = []
    async with ChildConverter() as converter:
        for take, codec in zip(takes(), cycle(_CODECS), strict=False):
            source = write_formula(folder / "source", take.formula, take.seconds, codec, take.filters)
            order = ConversionOrder(
                source, folder / "audio", folder / "waveform", AudioProfile.AAC_128, take.name, 3600
            )
            conversion = await converter.convert(order, lambda _: None)
            results.append((take, conversion, listen(order.audio)))
    return results


def _loud(published: Measured) -> bool:
    return abs(published.lufs - TARGET_LUFS) <= LOUDNESS_TOLERANCE_LU


def _peak(published: Measured) -> bool:
    return published.true_peak_db <= CEILING_DBTP


def _row(kind: str, results: list[_Result]) -> str:
    encodings = Counter(conversion.encodings for _, conversion, _ in results)
    both = sum(_loud(published) and _peak(published) for _, _, published in results)
    peaks = sum(_peak(published) for _, _, published in results)
    counts = ", ".join(f"{number}: {count}" for number, count in sorted(encodings.items()))
    return f"| {kind} | {len(results)} | {both} | {peaks} | {counts} |"


def _reason(conversion: Conversion, published: Measured) -> str:
    """Return what was reached, and how much gain and limiting the target would have needed."""
    loudness = conversion.loudness
    limit = "none" if loudness.limited_by is None else loudness.limited_by.value
    reached = f"{published.lufs:.2f} LUFS, {published.true_peak_db:.2f} dBTP, limitedBy {limit}"
    if loudness.input_lufs is None:
        return reached
    gain = TARGET_LUFS - loudness.input_lufs
    return f"{reached}; needs {gain:.1f} of {MAX_GAIN_DB:.0f} dB gain, limiter has {MAX_LIMITING_DB:.0f} dB"
