"""The response headers, as the OpenAPI document describes them."""

from collections.abc import Mapping
from typing import NamedTuple


class Header(NamedTuple):
    """Description and JSON type of a header."""

    description: str
    type: str = "string"


HEADERS: Mapping[str, Header] = {
    "X-Request-Id": Header("Id of the request, as in the log: the client's own if it is well-formed."),
    "ETag": Header("Name of this version."),
    "Location": Header("URL of the object."),
    "Link": Header("URL of the next page with `rel=next`; absent on the last page."),
    "X-Total-Count": Header("Number of items on all pages; absent without `count=true`.", "integer"),
    "Preference-Applied": Header("The honoured wait, as `wait=N`; absent if no wait was honoured."),
    "Retry-After": Header("Seconds to wait before trying again.", "integer"),
    "WWW-Authenticate": Header("Always `Bearer`."),
    "Allow": Header("Methods of this path."),
    "Content-Range": Header("Position of these bytes in the object; in an error, only its size."),
    "Accept-Ranges": Header("Always `bytes`."),
    "Last-Modified": Header("When the object was stored."),
}

ERROR_HEADERS: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    416: ("Content-Range",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
"""Headers of errors by status, beside `X-Request-Id`."""
