import msgspec

from orak.domain.errors import AdminRequired
from orak.domain.identity import UserId

ADMIN = "admin"


class Actor(msgspec.Struct, frozen=True):
    """Who is asking, and with which scopes."""

    user_id: UserId
    scopes: frozenset[str] = frozenset()

    @property
    def is_admin(self) -> bool:
        """Whether the operators' calls are open to this actor."""
        return ADMIN in self.scopes

    def check_admin(self) -> None:
        """Raise `AdminRequired` unless the operators' calls are open to this actor."""
        if not self.is_admin:
            raise AdminRequired
