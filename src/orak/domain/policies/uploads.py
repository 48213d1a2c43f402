"""Which files may be uploaded."""

import re

import msgspec

from orak.domain.errors import Problem, ProblemCode
from orak.domain.formats import CONTENT_TYPES, EXTENSIONS
from orak.domain.policies.fields import clean_name, duration_problem, name_problem

MAX_CONTENT_TYPE = 100

# RFC 9110 §8.3.1: type "/" subtype *( OWS ";" OWS token "=" ( token / quoted-string ) ), ASCII throughout.
# Browsers also separate codecs by commas without quoting them: `MediaRecorder.mimeType` is
# "video/webm;codecs=vp8,opus" in Chromium.
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a grammar's token, not a secret
_MEDIA_TYPE = re.compile(
    rf'({_TOKEN}/{_TOKEN})(?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}(?:,{_TOKEN})*|"[\x20!#-\[\]-~]*"))*', re.ASCII
)


def media_type(content_type: str) -> str | None:
    """Return the type/subtype of a Content-Type, in lower case.

    Return None if it is malformed.
    """
    match = _MEDIA_TYPE.fullmatch(content_type)
    return match[1].lower() if match else None


class UploadPolicy(msgspec.Struct, frozen=True):
    """Which files may be uploaded.

    Each method returns what is wrong with one field, or None.
    """

    max_bytes: int
    max_duration_seconds: int

    def filename_problem(self, name: str | None) -> Problem | None:
        """Require a valid name whose extension is an accepted audio type."""
        if problem := name_problem("original_filename", name):
            return problem
        _, dot, extension = clean_name(name or "").rpartition(".")
        if not dot or extension.lower() not in EXTENSIONS:
            return Problem("original_filename", ProblemCode.UNSUPPORTED_TYPE, accepted=EXTENSIONS)
        return None

    def size_problem(self, size: int | None) -> Problem | None:
        """Require at least one byte and at most `max_bytes`."""
        if size is None:
            return Problem("file_size", ProblemCode.REQUIRED)
        if size <= 0:
            return Problem("file_size", ProblemCode.NOT_POSITIVE)
        if size > self.max_bytes:
            return Problem("file_size", ProblemCode.TOO_LARGE, self.max_bytes)
        return None

    def content_type_problem(self, content_type: str | None) -> Problem | None:
        """Require an accepted audio type; parameters such as `;codecs=opus` are allowed."""
        if content_type is None or not content_type.strip():
            return Problem("content_type", ProblemCode.REQUIRED)
        if len(content_type) > MAX_CONTENT_TYPE:
            return Problem("content_type", ProblemCode.TOO_LONG, MAX_CONTENT_TYPE)
        if media_type(content_type) not in CONTENT_TYPES:
            return Problem("content_type", ProblemCode.UNSUPPORTED_TYPE, accepted=CONTENT_TYPES)
        return None

    def duration_problem(self, seconds: int | None) -> Problem | None:
        """Allow no duration, or up to `max_duration_seconds`.

        The measured duration replaces it.
        """
        return duration_problem(seconds, self.max_duration_seconds)
