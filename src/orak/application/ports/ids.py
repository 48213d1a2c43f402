from typing import Protocol


class Ids(Protocol):
    """Random ids and secrets that cannot be guessed."""

    def uuid(self) -> str:
        """Return a new random UUID (RFC 9562, version 4) in its 36-character form."""
        ...

    def secret(self) -> str:
        """Return 32 new random bytes as base64url without padding, safe in a URL."""
        ...
