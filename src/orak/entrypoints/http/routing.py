"""Building blocks of the routes that Litestar serves: live streams, objects, pages and documents.

They need no token, or look for it themselves.
"""

from functools import partial
from typing import Any, TypeAlias

from litestar import Request, route
from litestar.datastructures import State
from litestar.enums import HttpMethod

from orak.entrypoints.running import Running

AnyRequest: TypeAlias = Request[Any, Any, State]
"""A request to Litestar."""

get = partial(route, http_method=[HttpMethod.GET, HttpMethod.HEAD])
"""Like Litestar's `get`, but answers HEAD too (RFC 9110 §9.3.2): the same headers without the body."""


def running_of(request: AnyRequest) -> Running:
    """Return the service that answers *request*.

    Handlers read it from the application's state: Litestar's dependency injection costs 30 to 60 µs for
    each argument of each request.
    """
    running: Running = request.app.state.running
    return running
