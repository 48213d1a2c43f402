"""The ratio of each goal as a picture: a logarithmic axis with marks for must and stretch."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import log10

from benchmarks.rounds import Line

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 960, 480, 60, 56, 26
_FROM, _TO = 0.03, 30.0
_TICKS = (0.03, 0.1, 0.3, 1, 3, 10, 30)
_LEGEND = "Ratio to the peer: dot = measured, bar = spread of the rounds, | = must, ‖ = stretch"
_FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"


@dataclass(frozen=True)
class Palette:
    """The colours of one picture."""

    text: str
    quiet: str
    grid: str
    reached: str
    missed: str


LIGHT = Palette(text="#1f2328", quiet="#59636e", grid="#d1d9e0", reached="#1a7f37", missed="#cf222e")
DARK = Palette(text="#f0f6fc", quiet="#9198a1", grid="#3d444d", reached="#3fb950", missed="#f85149")


def draw(lines: Sequence[Line], palette: Palette) -> str:
    """Return an SVG of *lines*, which have a peer. Its background is transparent."""
    height = _TOP + _ROW * len(lines) + 16
    foot = height - 12
    size = f'viewBox="0 0 {_WIDTH} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{_FONT}">',
        "<title>Ratio of orak to its peer for each goal, on a logarithmic axis</title>",
        _text((0, 18), _LEGEND, palette.quiet),
    ]
    for tick in _TICKS:
        parts.append(_line((_x(tick), _TOP - 12), (_x(tick), foot), palette.grid, 2 if tick == 1 else 1))
        parts.append(_text((_x(tick), _TOP - 18), f"{tick:g}", palette.quiet, "middle"))
    for row, line in enumerate(lines):
        middle = _TOP + _ROW * row + _ROW / 2
        colour = palette.missed if line.reached == "missed" else palette.reached
        label = f"{line.goal}  {line.what}".replace("`", "")
        parts.append(_text((_LEFT - 16, middle + 4), label, palette.text, "end"))
        parts.append(_line((_x(line.low), middle), (_x(line.high), middle), colour, 3))
        parts.append(_mark(_x(line.must), middle, palette.text))
        if line.stretch is not None:
            parts += [_mark(_x(line.stretch) + offset, middle, palette.quiet) for offset in (-2, 2)]
        parts.append(f'<circle cx="{_x(line.ratio)}" cy="{middle}" r="4.5" fill="{colour}"/>')
        parts.append(_text((_WIDTH, middle + 4), f"{line.ratio:.2g}", colour, "end"))
    return "\n".join([*parts, "</svg>", ""])


def _text(at: tuple[float, float], text: str, colour: str, anchor: str = "start") -> str:
    place = f'x="{at[0]:g}" y="{at[1]:g}" text-anchor="{anchor}"'
    return f'<text {place} font-size="12" fill="{colour}">{escape(text)}</text>'


def _line(start: tuple[float, float], end: tuple[float, float], colour: str, width: float) -> str:
    ends = f'x1="{start[0]:g}" y1="{start[1]:g}" x2="{end[0]:g}" y2="{end[1]:g}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width:g}"/>'


def _mark(at: float, middle: float, colour: str) -> str:
    return _line((at, middle - 7), (at, middle + 7), colour, 1.5)


def _x(ratio: float) -> float:
    """Return the place of *ratio* on the axis; what is beyond its ends is drawn at the end."""
    share = log10(min(max(ratio, _FROM), _TO) / _FROM) / log10(_TO / _FROM)
    return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)
