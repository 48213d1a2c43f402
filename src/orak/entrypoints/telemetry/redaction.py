"""What leaves the process in a span: no URL with a signature, no file name, no text of an error.

Libraries describe what they do, and some of it is secret or personal. A presigned URL holds a signature, the
key of an object holds a file name, and an error of PostgreSQL quotes the row that it refuses.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status

from orak.domain.identity import FOLDERS

_URLS = frozenset({"http.url", "url.full"})

_DROPPED = frozenset(
    {
        "http.target",
        "url.path",
        "url.query",
        "db.statement.parameters",
        "exception.message",
        "exception.stacktrace",
    }
)
"""Attributes that may hold a path, a parameter of a statement, or the words of an error."""

_SLASH = "(?:/|%2F)"

_KEY = re.compile(rf"({_SLASH}(?:{'|'.join(FOLDERS)}){_SLASH})(.*)", re.IGNORECASE | re.DOTALL)
"""The folder of an object, and what follows: a uuid, an attempt, and a file name."""

_UUID = re.compile(
    rf"[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}(?:{_SLASH}[0-9]+)?(?=_|$)", re.IGNORECASE
)


class RedactingProcessor(BatchSpanProcessor):
    """Exports spans in batches, without what must not leave the process."""

    def on_end(self, span: ReadableSpan) -> None:
        """Redact a span that has ended, and pass it on."""
        super().on_end(redacted(span))


def redacted(span: ReadableSpan) -> ReadableSpan:
    """Return *span* without secrets, file names and texts of errors.

    The type of an error stays (`exception.type`, `error.type`); the log has its text.
    """
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_kept(span.attributes or {}),
        events=[Event(one.name, _kept(one.attributes or {}), one.timestamp) for one in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _kept(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _url(value) if name in _URLS else value
        for name, value in attributes.items()
        if name not in _DROPPED
    }


def _url(url: str) -> str:
    """Return *url* without user, query and fragment, and without the name of an object's file."""
    parts = urlsplit(url)
    path = _KEY.sub(_identity, parts.path)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", ""))


def _identity(found: re.Match[str]) -> str:
    """Return folder, uuid and attempt of an object's key."""
    folder, rest = found.groups()
    known = _UUID.match(rest)
    return folder + (known[0] if known else "…")
