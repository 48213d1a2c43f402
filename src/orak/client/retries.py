"""Which calls are sent again after a failure, and when."""

import random
from dataclasses import replace
from typing import NamedTuple

import httpx

from orak.client.calls import Call, Flow
from orak.client.errors import Unreachable

_MAX_ATTEMPTS = 4
_MAX_PAUSES = 30.0
"""Seconds of pauses over all attempts. If the server asks for more, its response is final."""

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""After these the server has not seen the call, so any call may be sent again."""

_MAYBE_SENT = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError)
"""After these the server may have carried the call out."""

_NOTHING_DONE = frozenset({429, 503})
"""With `Retry-After`, these say that the server did nothing and when to call again."""

_GATEWAY_ERRORS = frozenset({502, 503, 504})
"""Proxies send these while the server behind them restarts."""


class Outcome(NamedTuple):
    """The response to a call."""

    response: httpx.Response
    repeated: bool
    """Whether the server may already have carried out an earlier attempt."""


def send(call: Call) -> Flow[Outcome]:
    """Send *call*, again where that is safe and can help.

    Return the last response, whatever its status.

    Raises:
        Unreachable: the server did not respond.
    """
    waited, repeated, attempt = 0.0, False, 1
    while True:
        try:
            response = yield call
        except httpx.TransportError as error:
            if attempt == _MAX_ATTEMPTS or not _is_safe_to_repeat(call, error):
                raise Unreachable(str(error) or type(error).__name__) from error
            repeated = repeated or not isinstance(error, _NOT_SENT)
            pause = _backoff(attempt)
        else:
            requested = _requested_pause(call, response)
            if requested is None:
                return Outcome(response, repeated)
            pause = max(requested, _backoff(attempt))
            if attempt == _MAX_ATTEMPTS or waited + pause > _MAX_PAUSES:
                return Outcome(response, repeated)
            repeated = True
        waited, attempt = waited + pause, attempt + 1
        call = replace(call, after=pause)


def _is_safe_to_repeat(call: Call, error: httpx.TransportError) -> bool:
    return isinstance(error, _NOT_SENT) or (call.repeatable and isinstance(error, _MAYBE_SENT))


def _requested_pause(call: Call, response: httpx.Response) -> float | None:
    """Return the seconds until *call* is sent again; None if *response* is final."""
    status, retry_after = response.status_code, response.headers.get("Retry-After", "")
    if status in _NOTHING_DONE and retry_after.isdecimal():
        return float(retry_after)
    return 0.0 if status in _GATEWAY_ERRORS and call.repeatable else None


def _backoff(attempt: int) -> float:
    """Return an exponential pause from 0.2 s, with jitter.

    The jitter keeps clients from returning all at once.
    """
    return 0.2 * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - not used for a secret
