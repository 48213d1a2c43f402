import msgspec

from orak.domain.errors import AdminRequired
from orak.domain.identity import UserId

ADMIN = "admin"


class Actor(msgspec.Struct, frozen=True):
    """The caller: a user and the scopes of their token."""

    user_id: UserId
    scopes: frozenset[str] = frozenset()

    @property
    def is_admin(self) -> bool:
        """Whether this actor is an operator."""
        return ADMIN in self.scopes

    def check_admin(self) -> None:
        """Raise `AdminRequired` unless this actor is an operator."""
        if not self.is_admin:
            raise AdminRequired
