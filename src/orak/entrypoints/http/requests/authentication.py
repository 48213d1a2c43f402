"""Authentication by bearer token (RFC 6750)."""

from orak.application.ports.tokens import InvalidToken
from orak.domain.identity import UserId
from orak.entrypoints.http.request_headers import RequestHeaders

_MAX_KNOWN_USERS = 10_000


class KnownUsers:
    """The users seen since the start, up to a bound. Forgetting one costs a statement without effect."""

    def __init__(self) -> None:
        self._users: dict[UserId, None] = {}

    def __contains__(self, user_id: UserId) -> bool:
        return user_id in self._users

    def add(self, user_id: UserId) -> None:
        """Remember a user; beyond the bound, forget the user added first."""
        self._users[user_id] = None
        if len(self._users) > _MAX_KNOWN_USERS:
            del self._users[next(iter(self._users))]


def bearer_token(headers: RequestHeaders) -> str:
    """Return the token of the `Authorization` header. Raise `InvalidToken` without one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidToken
    return token.strip()
