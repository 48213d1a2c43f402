import msgspec

VISIBILITY_TIMEOUT = 60
"""Seconds for which SQS hides a received message: far more than handling ten messages takes."""


class Message(msgspec.Struct, frozen=True):
    """One delivery of an SQS message: each delivery has its own *handle*, and all share the *id*."""

    id: str
    handle: str
    body: str
