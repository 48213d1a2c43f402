import secrets
from uuid import uuid4


class RandomIds:
    """UUIDs from the operating system's random source."""

    def uuid(self) -> str:
        """Return a new random UUID."""
        return str(uuid4())

    def secret(self) -> str:
        """Return 32 new random bytes as base64url."""
        return secrets.token_urlsafe(32)
