"""Which language a caller reads."""

from collections.abc import Iterator
from enum import StrEnum

from litestar.datastructures import Headers


class Language(StrEnum):
    """The languages that messages exist in."""

    KOREAN = "ko"
    ENGLISH = "en"


_BY_TAG = {language.value: language for language in Language}


def language_of(headers: Headers) -> Language:
    """Return the language that Accept-Language likes best (RFC 9110 §12.5.4), Korean if it likes none.

    Of two that are liked alike the one named first is taken. `*` stands for whatever was not named, and so
    for Korean.
    """
    named = list(_ranges(headers.get("accept-language", "")))
    refused = {language for language, weight in named if weight == 0}
    liked = [(language, weight) for language, weight in named if weight > 0]
    if not liked:
        return next((language for language in Language if language not in refused), Language.KOREAN)
    return max(liked, key=lambda entry: entry[1])[0]


def _ranges(header: str) -> Iterator[tuple[Language, float]]:
    for part in header.split(","):
        tag, *parameters = (piece.strip().lower() for piece in part.split(";"))
        primary = tag.partition("-")[0]
        if tag == "*":
            yield Language.KOREAN, _weight(parameters)
        elif primary in _BY_TAG:
            yield _BY_TAG[primary], _weight(parameters)


def _weight(parameters: list[str]) -> float:
    """Read a weight; one that cannot be read counts as none given, so that a message is always found."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 1.0
            return weight if 0 <= weight <= 1 else 1.0
    return 1.0
