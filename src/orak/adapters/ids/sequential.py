from itertools import count


class SequentialIds:
    """UUIDs that count up: well formed and easy to guess, so for tests alone."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def uuid(self) -> str:
        """Return the next one; its last twelve digits are its number."""
        return f"00000000-0000-4000-8000-{next(self._numbers):012d}"

    def secret(self) -> str:
        """Return the next one, as long as a real one."""
        return f"{next(self._numbers):043d}"
