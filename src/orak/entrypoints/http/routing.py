"""Building blocks of the routes: typed requests, `get`, and the running service."""

from datetime import datetime
from functools import partial
from typing import Any, TypeAlias

from litestar import Request, route
from litestar.datastructures import State
from litestar.enums import HttpMethod

from orak.domain.actor import Actor
from orak.entrypoints.running import Running

UserRequest: TypeAlias = Request[Actor, datetime, State]
"""An authenticated request: `user` is the actor, `auth` the time at which the token expires."""

AnyRequest: TypeAlias = Request[Any, Any, State]
"""A request that may carry no token."""

get = partial(route, http_method=[HttpMethod.GET, HttpMethod.HEAD])
"""Like Litestar's `get`, but answers HEAD too (RFC 9110 §9.3.2): the same headers without the body."""

NOT_STORED = {"Cache-Control": "no-store"}
"""Headers of answers that hold a secret or are out of date at once."""


def running_of(request: AnyRequest) -> Running:
    """Return the service that answers *request*.

    Handlers read it from the application's state: Litestar's dependency injection costs 30 to 60 µs for
    each argument of each request.
    """
    running: Running = request.app.state.running
    return running
