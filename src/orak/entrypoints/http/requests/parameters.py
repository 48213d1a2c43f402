"""PageOutcome single values, and gathering everything that is wrong with them before anything is refused."""

import math
import re
from collections.abc import Iterable, Mapping

from orak.domain.errors import Problem, ProblemCode, Rejected
from orak.domain.identity import MAX_ID
from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.errors import Refusal
from orak.entrypoints.http.answers.field_names import on_the_wire

_INT_32 = 2**31 - 1
_INT_64 = 2**63 - 1
_MAX_PROBLEMS = 50
_MAX_SHOWN_NAME = 100

# Not int() and not \d: those accept "1_0" and the digits of every script.
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,30}")
_PATH_ID = re.compile(r"[1-9][0-9]{0,15}")

_UNKNOWN_DURATIONS = {"infinity", "+infinity", "-infinity", "nan"}
"""What a browser's `String(audio.duration)` is for a WebM whose header says nothing."""

_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def path_id(text: str) -> int:
    """Read an id of a path. Raise a 404 for anything that can be no id: such a thing does not exist."""
    if not _PATH_ID.fullmatch(text) or int(text) > MAX_ID:
        raise Refusal(ErrorCode.NOT_FOUND)
    return int(text)


class Parameters:
    """What a client sent, read field by field; each wrong value is noted, and reads as absent."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values
        self._read: dict[str, None] = {}
        self._problems: list[Problem] = []

    def has(self, name: str) -> bool:
        """Whether the client sent it, be it as null."""
        return name in self._values

    def text(self, name: str) -> str | None:
        """Read a text. JSON's null is an absent one; an empty one is for the policies to judge."""
        value = self._take(name)
        if value is None or isinstance(value, str):
            return value
        self._wrong(name)
        return None

    def whole_number(self, name: str, *, most: int = _INT_64) -> int | None:
        """Read a whole number, as a number or in ASCII digits; *most* bounds what fits its type."""
        value = self._take(name)
        if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
            value = int(value)
        if value is None or value == "":
            return None
        if type(value) is not int or not -most <= value <= most:  # bool is an int, and no number
            self._wrong(name)
            return None
        return value

    def seconds(self, name: str) -> int | None:
        """Read a duration; one that is infinite or not a number is an absent one."""
        value = self._values.get(name)
        if isinstance(value, str) and value.lower() in _UNKNOWN_DURATIONS:
            value = math.nan
        if isinstance(value, float) and not math.isfinite(value):
            self._read[name] = None
            return None
        return self.whole_number(name, most=_INT_32)

    def identifier(self, name: str) -> int | None:
        """Read an id, which JSON writes as a number; whether it can be one is for the policies to judge."""
        value = self._take(name)
        if value is None or type(value) is int:
            return value
        self._wrong(name)
        return None

    def flag(self, name: str) -> bool:
        """Read a yes or no; absent is no."""
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
        """Read a list of texts; null is an absent one."""
        value = self._take(name)
        if value is None:
            return None
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return value
        self._wrong(name)
        return None

    def choice(self, name: str) -> bool | None:
        """Read a yes or no; null and absent are neither."""
        return None if self._take(name) is None else self.flag(name)

    def bounded(self, name: str, *, most: int) -> int | None:
        """Read a number from 1 to *most*."""
        value = self.whole_number(name)
        if value is not None and value < 1:
            self._problems.append(Problem(name, ProblemCode.NOT_POSITIVE))
        if value is not None and value > most:
            self._problems.append(Problem(name, ProblemCode.TOO_LARGE, most))
        return value

    def note(self, problem: Problem) -> None:
        """Note what only the caller could see."""
        self._problems.append(problem)

    def check(self, found: Iterable[Problem | None] = (), *, others_allowed: bool = False) -> None:
        """Raise `Rejected` with all that is wrong: here, *found* by the policies, and fields nobody knows.

        A field that could not be read has that one problem, and not also that it is absent.
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
    """Cut a client's own name for a field to what an answer can hold: short, and no lone surrogate."""
    return name[:_MAX_SHOWN_NAME].encode("utf-8", "replace").decode("utf-8")
