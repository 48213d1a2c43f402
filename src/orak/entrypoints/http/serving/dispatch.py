"""The way of every HTTP call: route, caller, handler, answer."""

from collections.abc import Iterable, Mapping

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from orak.application.origins import Following
from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.errors import HttpError, error_response
from orak.entrypoints.http.answers.request_ids import origin_of
from orak.entrypoints.http.api import ApiRequest, ApiResponse, Route
from orak.entrypoints.http.call_notes import note_caller
from orak.entrypoints.http.requests.authentication import KnownUsers, bearer_token
from orak.entrypoints.http.serving.answer_heads import AnswerHeads
from orak.entrypoints.http.serving.exchange import DEADLINE_SECONDS, Exchange
from orak.entrypoints.http.serving.route_table import Match, RouteTable
from orak.entrypoints.running import Running


class Dispatcher:
    """The ASGI application in front: it serves the JSON API, and hands every other path to Litestar.

    The deadline, the headers of every answer and the access log hold for both.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        others: ASGIApp,
        heads: AnswerHeads,
        *,
        other_paths: Iterable[str] = (),
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        """Serve *routes*; the *other_paths* are Litestar's, even if a path with parameters matches them."""
        self._table = RouteTable(routes, other_paths)
        self._others = others
        self._heads = heads
        self._deadline = deadline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass on a WebSocket."""
        with Following(origin_of(scope)):
            if scope["type"] == ScopeType.HTTP:
                await self._answer(scope, receive, send)
            else:
                await self._others(scope, receive, send)

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, send, self._heads, self._deadline)
        found = self._table.find(scope["path"])
        try:
            if found is None:
                await self._others(scope, receive, exchange.send)
            else:
                await _answer(scope, receive, found, exchange)
        except BaseException:
            if not exchange.is_late:
                raise
        finally:
            await exchange.end()


async def _answer(scope: HTTPScope, receive: Receive, found: Match, exchange: Exchange) -> None:
    scope["path_template"] = found.path
    method = scope["method"]
    try:
        start, body = (await _handle(scope, receive, found)).messages(method)
    except Exception as error:  # noqa: BLE001 - every error has its answer
        start, body = error_response(error, scope).messages(method)
    await exchange.send(start)
    await exchange.send(body)


async def _handle(scope: HTTPScope, receive: Receive, found: Match) -> ApiResponse:
    route = found.routes.get(scope["method"])
    if route is None:
        return _without_handler(scope["method"], found.routes)
    state = scope["litestar_app"].state
    request = ApiRequest(scope, receive, state.running, state.encoded_records)
    if not route.is_public:
        await _authenticate(request, state.running, state.known_users)
    if route.is_for_operators:
        # Before the request is parsed: a caller without the scope learns nothing about parameters. The use
        # cases check again.
        request.actor.check_admin()
    return await route.handler(request, *found.values)


async def _authenticate(request: ApiRequest, running: Running, known_users: KnownUsers) -> None:
    """Put the caller on the request, and register a user whose first valid token this is."""
    bearer = await running.tokens.verify(bearer_token(request.headers))
    if bearer.actor.user_id not in known_users:
        await running.use_cases.register_user(bearer.actor)
        known_users.add(bearer.actor.user_id)
    request.actor, request.expires_at = bearer.actor, bearer.expires_at
    note_caller(request.scope, bearer.actor.user_id)


def _without_handler(method: str, routes: Mapping[str, Route]) -> ApiResponse:
    """Answer OPTIONS, which needs no token and reveals nothing, and refuse unknown methods."""
    allowed = {"Allow": ", ".join(sorted({*routes, "OPTIONS"}))}
    if method != "OPTIONS":
        raise HttpError(ErrorCode.METHOD_NOT_ALLOWED, allowed)
    return ApiResponse(headers=allowed, status=204, media_type=None)
