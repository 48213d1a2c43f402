"""Conditional requests (RFC 9110 §13): does the client already hold this version?"""

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from orak.entrypoints.http.request_headers import RequestHeaders

_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


def is_known(headers: RequestHeaders, etag: str, modified_at: datetime | None = None) -> bool:
    """Return whether a GET or HEAD is answered 304.

    If-None-Match decides; without it, If-Modified-Since does.
    """
    given = ",".join(headers.all("if-none-match"))
    if given:
        return given.strip() == "*" or _weak(etag) in map(_weak, _ENTITY_TAG.findall(given))
    since = _date(headers.get("if-modified-since"))
    return since is not None and modified_at is not None and modified_at.replace(microsecond=0) <= since


def is_other(headers: RequestHeaders, etag: str, modified_at: datetime) -> bool:
    """Return whether the answer is 412.

    If-Match decides, by strong comparison; without it, If-Unmodified-Since does.
    """
    given = ",".join(headers.all("if-match"))
    if given:
        return given.strip() != "*" and etag not in _ENTITY_TAG.findall(
            given
        )  # a weak W/"a" never equals a strong tag
    since = _date(headers.get("if-unmodified-since"))
    return since is not None and modified_at.replace(microsecond=0) > since


def range_still_holds(headers: RequestHeaders, etag: str, modified_at: datetime) -> bool:
    """Return whether Range counts: If-Range (RFC 9110 §13.1.5) names this version, or is absent."""
    condition = headers.get("if-range")
    if condition is None:
        return True
    if condition.endswith('"'):
        return condition == etag  # strong comparison: a weak tag starts with W/
    return _date(condition) == modified_at.replace(microsecond=0)


def http_date(moment: datetime) -> str:
    """Return *moment* in the format of RFC 9110 §5.6.7."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _weak(etag: str) -> str:
    return etag.removeprefix("W/")


def _date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text) if text else None
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
