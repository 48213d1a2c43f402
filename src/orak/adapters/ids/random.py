from uuid import uuid4


class RandomIds:
    """UUIDs from the operating system's random source."""

    def uuid(self) -> str:
        """Return a new random UUID."""
        return str(uuid4())
