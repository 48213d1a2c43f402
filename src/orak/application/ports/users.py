from typing import Protocol

from orak.domain.identity import UserId


class Users(Protocol):
    """Users who have called with a valid token. Every method may raise `Unavailable`."""

    async def ensure(self, user_id: UserId) -> None:
        """Add the user's row if it does not exist."""
        ...
