"""Who is asking: every route wants a bearer token (RFC 6750) unless it says that it is public."""

from litestar.datastructures import Headers
from litestar.enums import HttpMethod, ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from orak.application.ports.tokens import InvalidToken
from orak.domain.identity import UserId
from orak.entrypoints.running import Running

PUBLIC = "public"
"""The key in a route's or router's `opt` that opens it to everyone."""

_MAX_KNOWN_USERS = 10_000


class KnownUsers:
    """Who was seen since the start, up to a bound: forgetting one costs a statement that does nothing."""

    def __init__(self) -> None:
        self._users: dict[UserId, None] = {}

    def __contains__(self, user_id: UserId) -> bool:
        return user_id in self._users

    def add(self, user_id: UserId) -> None:
        """Remember one more; beyond the bound the one known longest is forgotten."""
        self._users[user_id] = None
        if len(self._users) > _MAX_KNOWN_USERS:
            del self._users[next(iter(self._users))]


class Authentication(ASGIMiddleware):
    """Puts the `Actor` on the request, before anything of the request is looked at but its path.

    A user's row is made when their first valid token comes.
    """

    scopes = (ScopeType.HTTP,)
    exclude_opt_key = PUBLIC

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Answer 401 without a valid token. A preflight (OPTIONS) never carries one, and tells nothing."""
        if scope["type"] == ScopeType.HTTP and scope["method"] != HttpMethod.OPTIONS:
            state = scope["litestar_app"].state
            running: Running = state.running
            known_users: KnownUsers = state.known_users
            bearer = await running.tokens.verify(bearer_token(Headers.from_scope(scope)))
            if bearer.actor.user_id not in known_users:
                await running.use_cases.register_user(bearer.actor)
                known_users.add(bearer.actor.user_id)
            scope["user"], scope["auth"] = bearer.actor, bearer.expires_at
        await next_app(scope, receive, send)


def bearer_token(headers: Headers) -> str:
    """Return the token of an `Authorization` header. Raise `InvalidToken` if there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidToken
    return token.strip()
