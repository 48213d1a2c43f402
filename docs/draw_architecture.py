"""Draw the architecture from the import graph, for light pages and for dark ones.

`just fix` runs this, and a test fails when a folder or a direction of imports is no longer as drawn.
"""

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import grimp

IMAGES = Path(__file__).parent / "images"
_ENTRYPOINTS = Path(__file__).parents[1] / "src" / "orak" / "entrypoints"
_ROOT = "orak"
_WIDTH = 640
_GAP = 20
_CHIP = 40
_LINE = 22
_HEAD = 84
_BETWEEN = 44
_CALLED = {
    "cli": "the orak command",
    "http": "API, live streams, media",
    "metrics": "for Prometheus",
    "settings": "values and checks",
    "telemetry": "OpenTelemetry",
    "web": "page and browser client",
    "worker": "timers, SQS, Redis",
    "container": "chooses adapters",
}
"""What each room of the entrypoints is; a new one has to be described."""

_FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"


@dataclass(frozen=True)
class Palette:
    """The colours of one picture."""

    text: str
    quiet: str
    chip: str
    lines: str
    layers: dict[str, str]


_LIGHT = Palette(
    text="#1f2328",
    quiet="#59636e",
    chip="#ffffff",
    lines="#8c959f",
    layers={"entrypoints": "#ddf4ff", "adapters": "#dafbe1", "application": "#fff8c5", "domain": "#ffeff7"},
)
_DARK = Palette(
    text="#f0f6fc",
    quiet="#9198a1",
    chip="#0d1117",
    lines="#656c76",
    layers={"entrypoints": "#10304f", "adapters": "#12361f", "application": "#3d3205", "domain": "#42203a"},
)


def pictures() -> dict[str, str]:
    """Return the SVG files by name."""
    graph = grimp.build_graph(_ROOT)
    return {
        "architecture.svg": _Picture(graph, _LIGHT).drawn(),
        "architecture-dark.svg": _Picture(graph, _DARK).drawn(),
    }


class _Box(NamedTuple):
    x: int
    y: int
    width: int
    height: int


class _Picture:
    def __init__(self, graph: grimp.ImportGraph, palette: Palette) -> None:
        self._graph = graph
        self._palette = palette
        self._shapes: list[str] = []

    def drawn(self) -> str:
        half = (_WIDTH - _GAP) // 2
        right = half + _GAP
        adapters = self._folders("adapters")
        use_cases = [name for name in self._folders("application") if name != "ports"]
        ports, domain = self._names("application.ports"), self._names("domain")
        top = _HEAD + _rows(len(adapters), 2)
        middle = _HEAD + max(_rows(len(use_cases), 2), _LINE * len(_lines(ports)) + 8)
        bottom = top + middle + 2 * _BETWEEN
        height = bottom + _HEAD + _rows(len(domain), 4)
        self._entrypoints(_Box(0, 0, half, top))
        box = _Box(right, 0, half, top)
        self._layer("adapters", box, "adapters", "what orak runs on")
        self._chips(box, adapters, 2)
        box = _Box(0, top + _BETWEEN, half, middle)
        self._layer("application", box, "application", "what orak can do")
        self._chips(box, use_cases, 2)
        self._ports(_Box(right, top + _BETWEEN, half, middle), ports)
        box = _Box(0, bottom, _WIDTH, height - bottom)
        self._layer("domain", box, "domain", "the rules, without I/O")
        self._chips(box, domain, 4)
        self._text(half // 2 + 16, top + 28, "call use cases")
        self._text(right + half // 2 + 16, top + 28, "implement ports")
        self._arrows(half, top, middle)
        style = f'font-family="{_FONT}" font-size="17" fill="{self._palette.text}"'
        body = "\n".join(self._shapes)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'width="{_WIDTH}" height="{height}" role="img" {style}>\n'
            "<title>Entrypoints call use cases, adapters implement ports, all rest on the domain</title>\n"
            f"{body}\n</svg>\n"
        )

    def _names(self, package: str) -> list[str]:
        """Return what a package holds, folders and files alike."""
        children = self._graph.find_children(f"{_ROOT}.{package}")
        return sorted(child.rsplit(".", 1)[1] for child in children)

    def _folders(self, package: str) -> list[str]:
        names = self._names(package)
        return [name for name in names if self._graph.find_children(f"{_ROOT}.{package}.{name}")]

    def _entrypoints(self, box: _Box) -> None:
        self._layer("entrypoints", box, "entrypoints", "how orak is called")
        step = (box.height - _HEAD) // len(_CALLED)
        rooms = {path.name for path in _ENTRYPOINTS.iterdir() if path.is_dir()} - {"__pycache__"}
        for number, name in enumerate([*sorted(rooms), "container"]):
            up = box.y + _HEAD - 8 + number * step
            self._chip(_Box(box.x + 16, up, box.width - 32, step - 8))
            self._shapes.append(f'<text x="{box.x + 28}" y="{up + step // 2 - 7}">{name}</text>')
            self._text(box.x + 28, up + step // 2 + 12, _CALLED[name])

    def _ports(self, box: _Box, ports: list[str]) -> None:
        self._layer("application", box, "application.ports", "what orak asks of the world")
        for number, line in enumerate(_lines(ports)):
            self._text(box.x + 16, box.y + 94 + _LINE * number, line)

    def _layer(self, layer: str, box: _Box, title: str, caption: str) -> None:
        self._shapes.append(
            f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="14" '
            f'fill="{self._palette.layers[layer]}"/>'
            f'<text x="{box.x + 16}" y="{box.y + 34}" font-size="22" font-weight="700">{title}</text>'
        )
        self._text(box.x + 16, box.y + 58, caption)

    def _chips(self, box: _Box, names: list[str], columns: int) -> None:
        width = (box.width - 32 - 8 * (columns - 1)) // columns
        for number, name in enumerate(names):
            row, column = divmod(number, columns)
            chip = _Box(
                box.x + 16 + column * (width + 8), box.y + _HEAD - 8 + row * (_CHIP + 8), width, _CHIP
            )
            self._chip(chip)
            middle = chip.x + width // 2
            self._shapes.append(f'<text x="{middle}" y="{chip.y + 26}" text-anchor="middle">{name}</text>')

    def _chip(self, box: _Box) -> None:
        self._shapes.append(
            f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="8" '
            f'fill="{self._palette.chip}"/>'
        )

    def _text(self, x: int, y: int, text: str) -> None:
        self._shapes.append(
            f'<text x="{x}" y="{y}" font-size="16" fill="{self._palette.quiet}">{text}</text>'
        )

    def _arrows(self, half: int, top: int, middle: int) -> None:
        """Draw each direction in which the packages import, and no other."""
        left, right, below = half // 2, half + _GAP + half // 2, top + _BETWEEN + middle
        for upper, lower, (x1, y1, x2, y2) in (
            ("entrypoints", "application", (left, top, left, top + _BETWEEN)),
            ("adapters", "application.ports", (right, top, right, top + _BETWEEN)),
            ("entrypoints", "adapters", (half, 40, half + _GAP, 40)),
            ("application", "application.ports", (half, top + 84, half + _GAP, top + 84)),
            ("application", "domain", (left, below, left, below + _BETWEEN)),
            ("application.ports", "domain", (right, below, right, below + _BETWEEN)),
        ):
            if self._imports(upper, lower):
                self._arrow(x1, y1, x2, y2)
            if self._imports(lower, upper):
                self._arrow(x2, y2, x1, y1)

    def _arrow(self, x1: int, y1: int, x2: int, y2: int) -> None:
        dx, dy = (x2 > x1) - (x2 < x1), (y2 > y1) - (y2 < y1)
        side_x, side_y = 7 * dy, 7 * dx
        back_x, back_y = x2 - 11 * dx, y2 - 11 * dy
        self._shapes.append(
            f'<path d="M{x1} {y1}L{back_x} {back_y}" stroke="{self._palette.lines}" stroke-width="3"/>'
            f'<path d="M{x2} {y2}L{back_x + side_x} {back_y + side_y}L{back_x - side_x} {back_y - side_y}Z" '
            f'fill="{self._palette.lines}"/>'
        )

    def _imports(self, importer: str, imported: str) -> bool:
        targets = self._modules(imported)
        return any(
            self._graph.find_modules_directly_imported_by(module) & targets
            for module in self._modules(importer)
        )

    def _modules(self, package: str) -> set[str]:
        """Return the modules of a box; the ports are drawn apart from the rest of their layer."""
        inside = {f"{_ROOT}.{package}", *self._graph.find_descendants(f"{_ROOT}.{package}")}
        return inside - self._modules("application.ports") if package == "application" else inside


def _rows(count: int, columns: int) -> int:
    """Return the height of so many chips."""
    return -(-count // columns) * (_CHIP + 8)


def _lines(names: list[str]) -> list[str]:
    return textwrap.wrap(", ".join(names), 34)


if __name__ == "__main__":
    for name, svg in pictures().items():
        (IMAGES / name).write_text(svg)
