"""The origin of a change: the request that it follows from."""

import msgspec


class Origin(msgspec.Struct, frozen=True):
    """A request, by which logs and traces find everything that it led to, in whatever process."""

    request_id: str
    traceparent: str | None = None
    """The place of the request in a distributed trace (W3C Trace Context §3.2)."""
