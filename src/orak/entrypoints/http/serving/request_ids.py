"""The id under which a call is found again: in its answer, in the log, in a support mail."""

import re
import secrets
from typing import cast

from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.types import HTTPResponseStartEvent, HTTPScope, Scope

HEADER = "X-Request-Id"

_WELL_FORMED = re.compile(r"[A-Za-z0-9._~:-]{1,128}")  # nothing that could forge a line of the log

_KEY = "orak.request_id"


def request_id_of(scope: Scope) -> str:
    """Return the caller's own id if it is well-formed, else one made up, the same for the whole call."""
    state = cast("dict[str, str]", scope["state"])
    if _KEY not in state:
        state[_KEY] = chosen_id(Headers.from_scope(scope))
    return state[_KEY]


def chosen_id(headers: Headers) -> str:
    """Return the id that *headers* bring if it is well-formed, else one made up."""
    given = headers.get(HEADER, "")
    return given if _WELL_FORMED.fullmatch(given) else secrets.token_hex(16)


def send_request_id(message: HTTPResponseStartEvent, scope: HTTPScope) -> None:
    """Put the id on every answer."""
    MutableScopeHeaders.from_message(message)[HEADER] = request_id_of(scope)
