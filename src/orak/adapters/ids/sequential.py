from base64 import urlsafe_b64encode
from itertools import count


class SequentialIds:
    """UUIDs that count up: well formed but predictable, so for tests only."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def uuid(self) -> str:
        """Return the next UUID; its last twelve digits are the count."""
        return f"00000000-0000-4000-8000-{next(self._numbers):012d}"

    def secret(self) -> str:
        """Return the next secret: 32 bytes, like a random one."""
        return urlsafe_b64encode(next(self._numbers).to_bytes(32, "big")).decode().rstrip("=")
