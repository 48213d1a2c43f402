from typing import Protocol


class Ids(Protocol):
    """Names that nobody can guess."""

    def uuid(self) -> str:
        """Return a new random UUID (RFC 9562, version 4) in its 36-character form."""
        ...
