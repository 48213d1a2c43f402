"""Rules for single fields of a request: names, ids and durations."""

import re
import unicodedata

from orak.domain.errors import Problem, ProblemCode
from orak.domain.identity import MAX_ID

MAX_NAME = 255
"""Characters of a name or title, counted after `clean_name`."""

_BIDI_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""The characters with the property Bidi_Control (Unicode Standard Annex #9)."""

_FORBIDDEN = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff]")
"""The categories Cc and Cs, control characters and surrogates; Unicode will never add to them."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""What no text in PostgreSQL or in UTF-8 holds."""

_INVISIBLE = frozenset({"Cf", "Zs", "Zl", "Zp"})
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Blank characters whose category says letter or symbol: Hangul fillers, and the empty Braille pattern."""


def clean_name(text: str) -> str:
    """Return a name or title as it is stored: in NFC, without bidi controls.

    macOS sends file names in NFD, where a Hangul syllable has up to three characters. Bidi controls can show
    "gpj.exe" as "exe.jpg". They go first: text that they separate may compose.
    """
    return unicodedata.normalize("NFC", _BIDI_CONTROLS.sub("", text))


def has_forbidden_character(text: str) -> bool:
    """Return whether *text* holds a control character (NUL too) or a lone surrogate."""
    return _FORBIDDEN.search(text) is not None


def name_problem(field: str, text: str | None) -> Problem | None:
    """Return what is wrong with a name or title, judged as `clean_name` stores it.

    It is blank, too long, or holds a forbidden character.
    """
    if text is None or _is_blank(text := clean_name(text)):
        return Problem(field, ProblemCode.REQUIRED)
    if has_forbidden_character(text):
        return Problem(field, ProblemCode.INVALID_CHARACTER)
    if len(text) > MAX_NAME:
        return Problem(field, ProblemCode.TOO_LONG, MAX_NAME)
    return None


def text_problem(field: str, text: str) -> Problem | None:
    """Return what is wrong with a text that may be anything: too long, or not storable in every database."""
    text = clean_name(text)
    if len(text) > MAX_NAME:
        return Problem(field, ProblemCode.TOO_LONG, MAX_NAME)
    if _UNSTORABLE.search(text):
        return Problem(field, ProblemCode.INVALID_CHARACTER)
    return None


def id_problem(field: str, number: int) -> Problem | None:
    """Return what is wrong with an id."""
    return None if 1 <= number <= MAX_ID else Problem(field, ProblemCode.INVALID)


def duration_problem(seconds: int | None, max_seconds: int) -> Problem | None:
    """Return what is wrong with a declared duration; None is allowed."""
    if seconds is None or 0 <= seconds <= max_seconds:
        return None
    if seconds < 0:
        return Problem("duration_seconds", ProblemCode.INVALID)
    return Problem("duration_seconds", ProblemCode.TOO_LARGE, max_seconds)


def _is_blank(text: str) -> bool:
    # Formats such as a zero-width space or a byte order mark are invisible too.
    return all(
        character.isspace() or character in _FILLERS or unicodedata.category(character) in _INVISIBLE
        for character in text
    )
