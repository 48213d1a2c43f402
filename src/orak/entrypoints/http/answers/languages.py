"""The languages of messages, and how a client chooses one."""

from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

from orak.entrypoints.http.request_headers import RequestHeaders


class Language(StrEnum):
    """A language that messages exist in."""

    KOREAN = "ko"
    ENGLISH = "en"


_KNOWN_VALUES = 256  # of the header: browsers send few different ones

_BY_TAG = {language.value: language for language in Language}


def language_of(headers: RequestHeaders) -> Language:
    """Return the language that Accept-Language prefers (RFC 9110 §12.5.4); Korean by default.

    Of two languages with the same weight, the first named wins. `*` stands for Korean.
    """
    return _preferred(headers.get("accept-language", ""))


@lru_cache(_KNOWN_VALUES)
def _preferred(header: str) -> Language:
    named = list(_ranges(header))
    refused = {language for language, weight in named if weight == 0}
    accepted = [(language, weight) for language, weight in named if weight > 0]
    if not accepted:
        return next((language for language in Language if language not in refused), Language.KOREAN)
    return max(accepted, key=lambda entry: entry[1])[0]


def _ranges(header: str) -> Iterator[tuple[Language, float]]:
    for part in header.split(","):
        tag, *parameters = (piece.strip().lower() for piece in part.split(";"))
        primary = tag.partition("-")[0]
        if tag == "*":
            yield Language.KOREAN, _weight(parameters)
        elif primary in _BY_TAG:
            yield _BY_TAG[primary], _weight(parameters)


def _weight(parameters: list[str]) -> float:
    """Return the weight of a range. An unreadable weight counts as 1, so that a message is always found."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 1.0
            return weight if 0 <= weight <= 1 else 1.0
    return 1.0
