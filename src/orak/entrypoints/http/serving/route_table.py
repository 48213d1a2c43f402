"""Which routes a path has."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from orak.entrypoints.http.api import Route

_PARAMETER = "/"
"""The key of the node that stands for any segment, none of which holds a slash."""


class Match(NamedTuple):
    """A path of the JSON API."""

    path: str
    """As declared, with parameters in braces."""
    routes: Mapping[str, Route]
    """By method."""
    values: Sequence[str]
    """Of the parameters in the path."""


@dataclass(slots=True)
class _Node:
    """What follows one segment of a path."""

    path: str = ""
    routes: dict[str, Route] = field(default_factory=dict)
    following: dict[str, "_Node"] = field(default_factory=dict)


class RouteTable:
    """Finds the routes of a path, segment by segment. A fixed segment goes before a parameter."""

    def __init__(self, routes: Iterable[Route], other_paths: Iterable[str] = ()) -> None:
        """Know *routes*, and that *other_paths* are not among them, whatever their parameters match."""
        self._root = _Node()
        for route in routes:
            node = self._node(route.path)
            node.path = route.path
            node.routes[route.method] = route
            if route.method == "GET":
                node.routes["HEAD"] = route
        for path in other_paths:
            self._node(path)

    def find(self, path: str) -> Match | None:
        """Return the match of *path*; empty segments, such as behind a trailing slash, do not count."""
        node, values = self._root, []
        for segment in path.split("/"):
            if segment:
                following = node.following.get(segment)
                if following is None:
                    following = node.following.get(_PARAMETER)
                    if following is None:
                        return None
                    values.append(segment)
                node = following
        return Match(node.path, node.routes, values) if node.routes else None

    def _node(self, path: str) -> _Node:
        node = self._root
        for segment in filter(None, path.split("/")):
            key = _PARAMETER if segment.startswith("{") else segment
            node = node.following.setdefault(key, _Node())
        return node
