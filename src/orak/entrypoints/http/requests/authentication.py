"""Authentication: every route needs a bearer token (RFC 6750) unless it is marked `PUBLIC`."""

from litestar.connection import ASGIConnection
from litestar.datastructures import Headers, State
from litestar.enums import HttpMethod, ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from orak.application.ports.tokens import InvalidToken
from orak.domain.actor import Actor
from orak.domain.identity import UserId
from orak.entrypoints.running import Running

PUBLIC = "public"
"""The key in the `opt` of a route or router that exempts it from `Authentication`."""

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


class Authentication(ASGIMiddleware):
    """The middleware that puts the `Actor` on each request before anything but the path is read.

    It registers a user when their first valid token arrives.
    """

    scopes = (ScopeType.HTTP,)
    exclude_opt_key = PUBLIC

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass on a request with a valid token. A preflight (OPTIONS) carries none and reveals nothing.

        Raises:
            InvalidToken: the token is missing or invalid.
        """
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


async def require_admin(
    connection: ASGIConnection[BaseRouteHandler, Actor, object, State], _: BaseRouteHandler
) -> None:
    """Raise `AdminRequired` unless the token has the scope `admin`.

    This guard of the operators' routers runs before the request is parsed: a caller without the scope learns
    nothing about parameters. The use cases check again. A preflight (OPTIONS) carries no token.
    """
    # Asynchronous without an await: Litestar runs a synchronous guard in a thread, which costs 100 µs.
    if connection.scope.get("method") != HttpMethod.OPTIONS:
        connection.user.check_admin()


def bearer_token(headers: Headers) -> str:
    """Return the token of the `Authorization` header. Raise `InvalidToken` without one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidToken
    return token.strip()
