"""Pagination: the page that a client asks for, and the link to the next one (RFC 8288)."""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import urlencode

from orak.application.ports.page import Page
from orak.domain.errors import Problem, ProblemCode
from orak.domain.identity import MAX_ID
from orak.entrypoints.http.openapi.operation import Parameter
from orak.entrypoints.http.requests.parameters import Parameters

MAX_LIMIT = 200

PAGE_PARAMETERS = (
    Parameter(
        "query",
        "limit",
        "Number of items on a page. Without a limit, the page holds up to 1,000 items.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    ),
    Parameter("query", "cursor", "Start of the page, from the `Link` header of the previous page."),
)


TOTAL = "X-Total-Count"
"""The header with the number of items on all pages."""

COUNT_PARAMETER = Parameter(
    "query",
    "count",
    f"Whether the `{TOTAL}` header holds the number of items on all pages.",
    {"type": "boolean", "default": False},
)


def total_header(total: int | None) -> dict[str, str]:
    """Return the header that holds the total; empty if it was not asked for."""
    return {} if total is None else {TOTAL: str(total)}


def page_of(query: Mapping[str, str]) -> Page:
    """Return the page that `limit` and `cursor` name. Raise `Rejected` if they are wrong."""
    parameters = Parameters(query)
    page = _page(parameters)
    parameters.check()
    return page


def counted_page_of(query: Mapping[str, str]) -> tuple[Page, bool]:
    """Return the page, and whether `count` is true. Raise `Rejected` if a parameter is wrong."""
    parameters = Parameters(query)
    page, counted = _page(parameters), parameters.flag("count")
    parameters.check()
    return page, counted


def _page(parameters: Parameters) -> Page:
    limit = parameters.bounded("limit", most=MAX_LIMIT)
    cursor = parameters.text("cursor")
    after = _decode(cursor) if cursor else None
    if cursor and after is None:
        parameters.note(Problem("cursor", ProblemCode.INVALID))
    return Page(after=after) if limit is None else Page(after=after, limit=limit)


def next_link(page: Page | None, url: str, query: Mapping[str, str]) -> dict[str, str]:
    """Return the `Link` header to the next *page*; empty at the end of the list.

    It repeats the limit if the *query* of this page had one.
    """
    if page is None or page.after is None:
        return {}
    parameters = {"limit": page.limit} if "limit" in query else {}
    return {"Link": f'<{url}?{urlencode(parameters | {"cursor": _encode(page.after)})}>; rel="next"'}


def _encode(after: int) -> str:
    """Return an opaque cursor, so that clients do not build their own and its content may change."""
    return base64.urlsafe_b64encode(str(after).encode()).decode().rstrip("=")


def _decode(cursor: str) -> int | None:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    if not text.isdigit() or len(text) > len(str(MAX_ID)) or not 1 <= int(text) <= MAX_ID:
        return None
    return int(text)
