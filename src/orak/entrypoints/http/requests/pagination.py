"""Pages of a list: what a client asks for, and the link to the next (RFC 8288)."""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import urlencode

from orak.application.ports.page import Page
from orak.domain.errors import Problem, ProblemCode
from orak.domain.identity import MAX_ID
from orak.entrypoints.http.requests.parameters import Parameters

MAX_LIMIT = 200


def page_of(query: Mapping[str, str]) -> Page:
    """Read `limit` and `cursor`. Raise `Rejected` if they are wrong; other parameters do not matter."""
    parameters = Parameters(query)
    limit = parameters.bounded("limit", most=MAX_LIMIT)
    cursor = parameters.text("cursor")
    after = _after(cursor) if cursor else None
    if cursor and after is None:
        parameters.note(Problem("cursor", ProblemCode.INVALID))
    parameters.check(others_allowed=True)
    return Page(after=after) if limit is None else Page(after=after, limit=limit)


def link_to(page: Page | None, url: str, *, limited: bool) -> dict[str, str]:
    """Return the `Link` header to *page*; empty at the end. It repeats the limit only if there was one."""
    if page is None or page.after is None:
        return {}
    query = {"limit": page.limit} if limited else {}
    return {"Link": f'<{url}?{urlencode(query | {"cursor": _cursor(page.after)})}>; rel="next"'}


def _cursor(after: int) -> str:
    """Hide the id, so that nobody builds cursors of their own and we may keep more in them one day."""
    return base64.urlsafe_b64encode(str(after).encode()).decode().rstrip("=")


def _after(cursor: str) -> int | None:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    if not text.isdigit() or len(text) > len(str(MAX_ID)) or not 1 <= int(text) <= MAX_ID:
        return None
    return int(text)
