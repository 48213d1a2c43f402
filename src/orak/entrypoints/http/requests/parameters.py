"""Parsing of single values, collecting every problem before the request is refused."""

import math
import re
from collections.abc import Iterable, Mapping

from orak.domain.errors import Problem, ProblemCode, Rejected
from orak.domain.identity import MAX_ID
from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.errors import HttpError, on_the_wire
from orak.entrypoints.http.openapi.operation import ID, JsonObject

_INT_64 = 2**63 - 1
_MAX_PROBLEMS = 50
_MAX_SHOWN_NAME = 100  # characters

# Neither int() nor \d: they accept "1_0" and the digits of every script.
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,30}")
_PATH_ID = re.compile(r"[1-9][0-9]{0,15}")

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{0,30})?([Ee][+-]?[0-9]{1,3})?")
"""What a browser's `String(audio.duration)` returns: `184`, `184.32`, `1e-7`."""

_UNKNOWN_DURATIONS = {"", "null", "undefined", "infinity", "+infinity", "-infinity", "nan"}
"""What browsers send for a duration that they do not know, such as that of a WebM file without one."""

_DIGITS = re.compile(r"[0-9]{1,30}")

_FLAGS = {"true": True, "1": True, "false": False, "0": False}

DURATION: JsonObject = {
    "oneOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "enum": ["", "null", "undefined", "Infinity", "-Infinity", "NaN"]},
        {"type": "null"},
    ],
    "description": "Duration in seconds, rounded down. Advice only: the decoder measures the real one. "
    "0, an empty value and the words of browsers for an unknown duration count as absent.",
    "examples": [184],
}
"""Schema of a field that `Parameters.seconds` reads."""


_IDENTIFIERS: tuple[JsonObject, ...] = (ID, {"type": "string", "pattern": "^[0-9]{1,30}$"})
IDENTIFIER: JsonObject = {"oneOf": _IDENTIFIERS}
"""Schema of a field that `Parameters.identifier` reads."""

OPTIONAL_IDENTIFIER: JsonObject = {"oneOf": (*_IDENTIFIERS, {"type": "null"})}
"""The same for a field that may be null."""


def path_id(text: str) -> int:
    """Return the id in a path. Raise `HttpError` 404 for text that cannot be an id."""
    if not _PATH_ID.fullmatch(text) or int(text) > MAX_ID:
        raise HttpError(ErrorCode.NOT_FOUND)
    return int(text)


class Parameters:
    """The values of one request, read field by field.

    A wrong value is noted as a problem and reads as absent. `check` raises all problems together.

    Fields that no one reads are ignored, because proxies and existing clients add their own to queries and
    forms. Those of a JSON body are in *checked* and must be known: a misspelt one is refused.
    """

    def __init__(self, values: Mapping[str, object], checked: Iterable[str] = ()) -> None:
        self._values = values
        self._checked = checked
        self._read: dict[str, None] = {}
        self._problems: list[Problem] = []

    @property
    def names(self) -> list[str]:
        """The fields read so far, in order."""
        return list(self._read)

    def has(self, name: str) -> bool:
        """Return whether the client sent the field, null included."""
        return name in self._values

    def text(self, name: str) -> str | None:
        """Return a text. JSON's null reads as absent; the policies judge an empty text."""
        value = self._take(name)
        if value is None or isinstance(value, str):
            return value
        self._wrong(name)
        return None

    def whole_number(self, name: str, *, most: int = _INT_64) -> int | None:
        """Return a whole number between -*most* and *most*, sent as a number or in ASCII digits."""
        value = self._take(name)
        if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
            value = int(value)
        if value is None or value == "":
            return None
        if type(value) is not int or not -most <= value <= most:  # isinstance would accept a bool
            self._wrong(name)
            return None
        return value

    def seconds(self, name: str) -> int | None:
        """Return a duration in whole seconds, rounded down; the policies judge its range.

        A duration that the client does not know reads as absent: 0, an empty or non-finite one, and the words
        that JavaScript writes for these. Spaces around a number are ignored.
        """
        value = self._take(name)
        if isinstance(value, str):
            word = value.strip(" \t")
            if word.lower() in _UNKNOWN_DURATIONS:
                return None
            value = float(word) if _NUMBER.fullmatch(word) else value
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return None
        if type(value) is int or isinstance(value, float):  # isinstance of int would accept a bool
            return math.floor(value) or None
        self._wrong(name)
        return None

    def identifier(self, name: str) -> int | None:
        """Return an id: a number, or a string of decimal digits. The policies judge its range."""
        value = self._take(name)
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            return int(value)
        if isinstance(value, float) and value.is_integer():  # JSON does not tell 1.0 from 1
            return int(value)
        if value is None or type(value) is int:
            return value
        self._wrong(name)
        return None

    def flag(self, name: str) -> bool:
        """Return a boolean; absent reads as false."""
        value = self._take(name)
        if isinstance(value, str) and value:
            value = _FLAGS.get(value.lower(), value)
        if value is None or value == "":
            return False
        if not isinstance(value, bool):
            self._wrong(name)
            return False
        return value

    def texts(self, name: str) -> list[str] | None:
        """Return a list of texts; null reads as absent."""
        value = self._take(name)
        if value is None:
            return None
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return value
        self._wrong(name)
        return None

    def choice(self, name: str) -> bool | None:
        """Return a boolean, or None if it is null or absent."""
        return None if self._take(name) is None else self.flag(name)

    def bounded(self, name: str, *, most: int) -> int | None:
        """Return a whole number from 1 to *most*."""
        value = self.whole_number(name)
        if value is not None and value < 1:
            self._problems.append(Problem(name, ProblemCode.NOT_POSITIVE))
        if value is not None and value > most:
            self._problems.append(Problem(name, ProblemCode.TOO_LARGE, most))
        return value

    def note(self, problem: Problem) -> None:
        """Add a problem that the caller found."""
        self._problems.append(problem)

    def check(self, found: Iterable[Problem | None] = ()) -> None:
        """Raise `Rejected` with every problem: those noted here, *found* by the policies, and unknown fields.

        A field that could not be read has that one problem; it is not reported as missing too.
        """
        judged = [on_the_wire(problem) for problem in found if problem is not None]
        unknown = [name for name in self._checked if name not in self._read]
        if not (self._problems or judged or unknown):
            return
        unread = {problem.field for problem in self._problems}
        problems = self._problems + [problem for problem in judged if problem.field not in unread]
        problems.sort(key=lambda problem: [*self._read, problem.field].index(problem.field))
        problems += [Problem(_shown(name), ProblemCode.UNKNOWN_FIELD) for name in unknown]
        raise Rejected(problems[:_MAX_PROBLEMS])

    def _take(self, name: str) -> object:
        self._read[name] = None
        return self._values.get(name)

    def _wrong(self, name: str) -> None:
        self._problems.append(Problem(name, ProblemCode.INVALID))


def _shown(name: str) -> str:
    """Return a client's own field name as an answer can hold it: short, without lone surrogates."""
    return name[:_MAX_SHOWN_NAME].encode("utf-8", "replace").decode("utf-8")
