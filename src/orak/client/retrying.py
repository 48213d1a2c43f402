"""When a call that went wrong is sent again, and when not."""

import random
from dataclasses import replace
from typing import NamedTuple

import httpx

from orak.client.calls import Call, Flow
from orak.client.errors import Unreachable

_ATTEMPTS = 4
_PATIENCE = 30.0
"""Seconds of pauses in all; a server that asks for more is not waited for."""

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""After these the server knows nothing of the call, so that any call may be sent again."""

_LOST = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError)
"""After these the server may have carried the call out."""

_COME_AGAIN = frozenset({429, 503})
"""Refusals by a server that did nothing, and says when to come again."""

_GATEWAYS = frozenset({502, 503, 504})
"""What proxies say of a server that is just being restarted."""


class Answer(NamedTuple):
    """The answer to a call."""

    response: httpx.Response
    repeated: bool
    """Whether the server may have carried out an earlier sending of it already."""


def answer_to(call: Call) -> Flow[Answer]:
    """Send *call*, again if that can help and does no harm; return its answer, whatever it says.

    Raises:
        Unreachable: nobody answered.
    """
    waited, repeated, attempt = 0.0, False, 1
    while True:
        try:
            response = yield call
        except httpx.TransportError as error:
            if attempt == _ATTEMPTS or not _may_come_again(call, error):
                raise Unreachable(str(error) or type(error).__name__) from error
            repeated = repeated or not isinstance(error, _NEVER_SENT)
            pause = _backoff(attempt)
        else:
            asked = _asked_pause(call, response)
            if asked is None:
                return Answer(response, repeated)
            pause = max(asked, _backoff(attempt))
            if attempt == _ATTEMPTS or waited + pause > _PATIENCE:
                return Answer(response, repeated)
            repeated = True
        waited, attempt = waited + pause, attempt + 1
        call = replace(call, after=pause)


def _may_come_again(call: Call, error: httpx.TransportError) -> bool:
    return isinstance(error, _NEVER_SENT) or (call.repeatable and isinstance(error, _LOST))


def _asked_pause(call: Call, response: httpx.Response) -> float | None:
    """How long the server wants the call to wait before it comes again; None if it need not come again."""
    status, retry_after = response.status_code, response.headers.get("Retry-After", "")
    if status in _COME_AGAIN and retry_after.isdecimal():
        return float(retry_after)
    return 0.0 if status in _GATEWAYS and call.repeatable else None


def _backoff(attempt: int) -> float:
    """Exponential from 0.2 s, with jitter, so that a restarted server is not met by all clients at once."""
    return 0.2 * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret hangs on it
