from typing import Protocol

from orak.domain.identity import UserId


class Users(Protocol):
    """Users who have called with a valid token, or those of the app. Every method may raise `Unavailable`."""

    async def ensure(self, user_id: UserId) -> None:
        """Add the user's row if it does not exist.

        Raise `UserUnknown` instead if the users belong to the app: orak never adds any to its table.
        """
        ...
