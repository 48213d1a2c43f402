"""Routes that are read."""

from functools import partial

from litestar import route
from litestar.enums import HttpMethod

read = partial(route, http_method=[HttpMethod.GET, HttpMethod.HEAD])
"""Like Litestar's `get`, for HEAD too (RFC 9110 §9.3.2): the same answer, and its body stays here."""
