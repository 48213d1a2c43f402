import msgspec

VISIBILITY_TIMEOUT = 60
"""Seconds for which SQS hides a received message: far more than ten messages need."""


class Message(msgspec.Struct, frozen=True):
    """One delivery of an SQS message.

    Each delivery has its own *handle*; all deliveries of a message share the *id*.
    """

    id: str
    handle: str
    body: str
