"""Request ids, which identify a call in its answer, in the log, and in the events that it leads to."""

import re
from random import getrandbits
from typing import cast

from litestar.types import Scope

from orak.domain.origin import Origin
from orak.entrypoints.http.request_headers import RequestHeaders, headers_of

HEADER = "X-Request-Id"

_WELL_FORMED = re.compile(r"[A-Za-z0-9._~:-]{1,128}")  # none of these characters can forge a log line

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)  # W3C Trace Context §3.2.2

_KEY = "orak.request_id"


def request_id_of(scope: Scope) -> str:
    """Return the id of the call: the client's own if it is well-formed, otherwise a random one."""
    state = cast("dict[str, str]", scope["state"])
    if _KEY not in state:
        state[_KEY] = chosen_id(headers_of(scope))
    return state[_KEY]


def chosen_id(headers: RequestHeaders) -> str:
    """Return the id that *headers* carry if it is well-formed, otherwise a random one."""
    given = headers.get(HEADER.lower(), "")
    return given if _WELL_FORMED.fullmatch(given) else f"{getrandbits(128):032x}"


def origin_of(scope: Scope) -> Origin:
    """Return the call as the origin of all that it leads to."""
    traceparent = headers_of(scope).get("traceparent")
    if traceparent is not None and not _TRACEPARENT.fullmatch(traceparent):
        traceparent = None
    return Origin(request_id_of(scope), traceparent)
