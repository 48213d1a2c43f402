"""The rules that a number stands for: sizes, lengths, patience, retention."""

import re
import unicodedata
from datetime import timedelta

import msgspec

from orak.domain.audio import ACCEPTED, ACCEPTED_TYPES
from orak.domain.errors import Problem, ProblemCode
from orak.domain.identity import MAX_ID

MAX_NAME = 255
MAX_CONTENT_TYPE = 100

URL_GRACE = timedelta(hours=1)
"""After its URL's life, an upload has this long to turn up: a signature is checked when a PUT starts."""

FIRST_CHECK_DELAY = timedelta(minutes=1)
"""When the sweep first looks for bytes that nobody named yet; naming them brings the look forward."""

ORPHAN_AGE = timedelta(minutes=10)
"""An upload that arrived and has no Record this long after it was asked for is listed as an orphan."""

TOMBSTONE_AGE = timedelta(days=8)
"""A row outlives the longest possible late PUT: seven days is what SigV4 lets a URL live (AWS docs)."""

MAX_BATCH_SIZE = 1000

MAX_FAILURES = 5
MAX_FAILURES_WHEN_KILLED = 2
"""A take that kills its decoder at its second failure, or later, is not given another."""

UNAVAILABLE_DELAY = timedelta(seconds=4)
"""A world that was down is tried again after this: within ten seconds, a sweep's five included."""

MAX_CONSECUTIVE_OUTAGES = 5
"""So many objects in a row that cannot be reached mean that none can, and it is left to the next round."""

_UNSEEN = frozenset({"Cf", "Zs", "Zl", "Zp"})
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters by their category, and blank: the fillers of Hangul, and Braille's pattern without a dot."""

_BACKOFF_BASE = timedelta(seconds=2)
_BACKOFF_CAP = timedelta(minutes=10)
_FEED_BACKOFF_CAP = timedelta(minutes=5)

# RFC 9110 §8.3.1: type "/" subtype *( OWS ";" OWS token "=" ( token / quoted-string ) ), ASCII throughout.
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a grammar's token, not a secret
_MEDIA_TYPE = re.compile(
    rf'({_TOKEN}/{_TOKEN})(?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}|"[\x20!#-\[\]-~]*"))*', re.ASCII
)


def backoff(failures: int, chance: float) -> timedelta:
    """How long to wait after the *failures*-th failure: exponential with full jitter, 2 s to 10 min.

    `chance` is a number from 0 to 1 drawn by the caller. Source: AWS Architecture Blog, "Exponential
    Backoff And Jitter".
    """
    doublings = min(failures - 1, 20)  # far beyond the cap, and far below what a timedelta holds
    ceiling = min(_BACKOFF_BASE * 2.0**doublings, _BACKOFF_CAP)
    return max(_BACKOFF_BASE / 2, chance * ceiling)


def relay_backoff(failures: int) -> timedelta:
    """How long a reader of events leaves one alone after it failed at it so often: 4 s, doubled, to 5 min."""
    doublings = min(failures - 1, 20)
    return min(UNAVAILABLE_DELAY * 2.0**doublings, _FEED_BACKOFF_CAP)


def patience(age: timedelta, *, expected: bool) -> timedelta:
    """How long to wait before looking again for bytes *age* overdue: as long again, but at least 2 s.

    At most 30 s while they are *expected*: a Record waits, and its URL may still bring them. Else 10 min.
    """
    return min(max(age, timedelta(seconds=2)), timedelta(seconds=30) if expected else timedelta(minutes=10))


def media_type(content_type: str) -> str | None:
    """The type/subtype of a well-formed Content-Type, in lower case; None if it is not one."""
    match = _MEDIA_TYPE.fullmatch(content_type)
    return match[1].lower() if match else None


def has_forbidden_character(text: str) -> bool:
    """Whether *text* holds a control character (NUL too) or a lone surrogate."""
    return any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)


def name_problem(field: str, text: str | None) -> Problem | None:
    """What is wrong with a name or title: blank, longer than 255 after NFC, or holding what no name holds."""
    if text is None or _is_blank(text):
        return Problem(field, ProblemCode.REQUIRED)
    if has_forbidden_character(text):
        return Problem(field, ProblemCode.INVALID_CHARACTER)
    if len(unicodedata.normalize("NFC", text)) > MAX_NAME:
        return Problem(field, ProblemCode.TOO_LONG, MAX_NAME)
    return None


def _is_blank(text: str) -> bool:
    """Whether nothing of *text* would be seen: spaces, and formats such as a zero-width space or a BOM."""
    return all(
        character.isspace() or character in _FILLERS or unicodedata.category(character) in _UNSEEN
        for character in text
    )


def id_problem(field: str, number: int) -> Problem | None:
    """What is wrong with an id in a body."""
    return None if 1 <= number <= MAX_ID else Problem(field, ProblemCode.INVALID)


def batch_size_problem(field: str, size: int | None) -> Problem | None:
    """What is wrong with the size of a batch: it is from 1 to 1000."""
    if size is None:
        return Problem(field, ProblemCode.REQUIRED)
    if size < 1:
        return Problem(field, ProblemCode.NOT_POSITIVE)
    if size > MAX_BATCH_SIZE:
        return Problem(field, ProblemCode.TOO_LARGE, MAX_BATCH_SIZE)
    return None


def duration_problem(seconds: int | None, most: int) -> Problem | None:
    """What is wrong with a length that a client says its take has; it need not say any."""
    if seconds is None or 0 <= seconds <= most:
        return None
    if seconds < 0:
        return Problem("durationSeconds", ProblemCode.INVALID)
    return Problem("durationSeconds", ProblemCode.TOO_LARGE, most)


class UploadPolicy(msgspec.Struct, frozen=True):
    """What may be uploaded."""

    max_bytes: int
    max_duration_seconds: int

    def filename_problem(self, name: str | None) -> Problem | None:
        """Not blank, at most 255 characters, with an extension that is an accepted audio type."""
        if problem := name_problem("originalFilename", name):
            return problem
        extension = (name or "").rpartition(".")[2].lower()
        if extension not in ACCEPTED or "." not in (name or ""):
            return Problem("originalFilename", ProblemCode.UNSUPPORTED_TYPE)
        return None

    def size_problem(self, size: int | None) -> Problem | None:
        """More than nothing, at most `max_bytes`."""
        if size is None:
            return Problem("fileSize", ProblemCode.REQUIRED)
        if size <= 0:
            return Problem("fileSize", ProblemCode.NOT_POSITIVE)
        if size > self.max_bytes:
            return Problem("fileSize", ProblemCode.TOO_LARGE, self.max_bytes)
        return None

    def content_type_problem(self, content_type: str | None) -> Problem | None:
        """Not blank, at most 100 characters, an accepted audio type; parameters are allowed."""
        if content_type is None or not content_type.strip():
            return Problem("contentType", ProblemCode.REQUIRED)
        if len(content_type) > MAX_CONTENT_TYPE:
            return Problem("contentType", ProblemCode.TOO_LONG, MAX_CONTENT_TYPE)
        if media_type(content_type) not in ACCEPTED_TYPES:
            return Problem("contentType", ProblemCode.UNSUPPORTED_TYPE)
        return None

    def duration_problem(self, seconds: int | None) -> Problem | None:
        """Advice only: absent, or up to `max_duration_seconds`."""
        return duration_problem(seconds, self.max_duration_seconds)
