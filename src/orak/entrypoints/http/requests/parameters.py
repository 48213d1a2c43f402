"""Parsing of single values, collecting every problem before the request is refused."""

import math
import re
from collections.abc import Iterable, Mapping

from orak.domain.errors import Problem, ProblemCode, Rejected
from orak.domain.identity import MAX_ID
from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.errors import HttpError, on_the_wire
from orak.entrypoints.http.openapi.operation import JsonObject

_INT_32 = 2**31 - 1
_INT_64 = 2**63 - 1
_MAX_PROBLEMS = 50
_MAX_SHOWN_NAME = 100  # characters

# Neither int() nor \d: they accept "1_0" and the digits of every script.
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,30}")
_PATH_ID = re.compile(r"[1-9][0-9]{0,15}")

_UNKNOWN_DURATIONS = {"infinity", "+infinity", "-infinity", "nan"}
"""What a browser's `String(audio.duration)` returns for a WebM file without a duration in its header."""

_FLAGS = {"true": True, "1": True, "false": False, "0": False}

DURATION: JsonObject = {
    "oneOf": [
        {"type": "integer", "format": "int32", "minimum": 0},
        {"type": "string", "enum": ["Infinity", "-Infinity", "NaN"]},
    ],
    "description": "Duration in seconds. Advice only: the decoder measures the real one. "
    "0 and non-finite values count as absent.",
    "examples": [184],
}
"""Schema of a field that `Parameters.seconds` reads."""


def path_id(text: str) -> int:
    """Return the id in a path. Raise `HttpError` 404 for text that cannot be an id."""
    if not _PATH_ID.fullmatch(text) or int(text) > MAX_ID:
        raise HttpError(ErrorCode.NOT_FOUND)
    return int(text)


class Parameters:
    """The values of one request, read field by field.

    A wrong value is noted as a problem and reads as absent. `check` raises all problems together.
    """

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values
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
        """Return a duration in seconds. An infinite one, or one that is not a number, reads as absent."""
        value = self._values.get(name)
        if isinstance(value, str) and value.lower() in _UNKNOWN_DURATIONS:
            value = math.nan
        if isinstance(value, float) and not math.isfinite(value):
            self._read[name] = None
            return None
        return self.whole_number(name, most=_INT_32)

    def identifier(self, name: str) -> int | None:
        """Return an id, which JSON sends as a number. The policies judge its range."""
        value = self._take(name)
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

    def check(self, found: Iterable[Problem | None] = (), *, others_allowed: bool = False) -> None:
        """Raise `Rejected` with every problem: those noted here, *found* by the policies, and unknown fields.

        A field that could not be read has that one problem; it is not reported as missing too.
        """
        unread = {problem.field for problem in self._problems}
        judged = [on_the_wire(problem) for problem in found if problem is not None]
        problems = self._problems + [problem for problem in judged if problem.field not in unread]
        problems.sort(key=lambda problem: [*self._read, problem.field].index(problem.field))
        if not others_allowed:
            unknown = [name for name in self._values if name not in self._read]
            problems += [Problem(_shown(name), ProblemCode.UNKNOWN_FIELD) for name in unknown]
        if problems:
            raise Rejected(problems[:_MAX_PROBLEMS])

    def _take(self, name: str) -> object:
        self._read[name] = None
        return self._values.get(name)

    def _wrong(self, name: str) -> None:
        self._problems.append(Problem(name, ProblemCode.INVALID))


def _shown(name: str) -> str:
    """Return a client's own field name as an answer can hold it: short, without lone surrogates."""
    return name[:_MAX_SHOWN_NAME].encode("utf-8", "replace").decode("utf-8")
