"""What every answer gets on its way out, whoever made it."""

from collections.abc import Callable

from litestar.enums import ScopeType
from litestar.types import BeforeMessageSendHookHandler, HTTPResponseStartEvent, HTTPScope, Message, Scope

Finish = Callable[[HTTPResponseStartEvent, HTTPScope], None]
"""Looks at the head of an answer, or changes it."""


def finishing(*steps: Finish) -> BeforeMessageSendHookHandler:
    """Return the one hook that takes these *steps*, in this order.

    Litestar awaits each of its hooks for each piece of an answer, which costs more than most of the steps.
    """

    async def finish(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start" and scope["type"] == ScopeType.HTTP:
            for step in steps:
                step(message, scope)

    return finish
