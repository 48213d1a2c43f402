"""The protocol of WebSocket connections, imported with the first of them."""

import logging
from typing import Any

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from orak.entrypoints.http.serving.live_streams import ABORT

_sockets = logging.getLogger("orak.websocket")
_sockets.setLevel(logging.WARNING)


class QuietWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol without its log lines of whole URLs, which may hold a ticket.

    Its connections can be dropped.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own arguments
        super().__init__(*args, **kwargs)
        self.logger = _sockets

    async def run_asgi(self) -> None:
        """Serve one connection."""
        self.scope["extensions"][ABORT] = {"now": self.transport.abort}
        await super().run_asgi()

    async def send(self, message: ASGISendEvent) -> None:
        """Send *message*; an answer that refuses the handshake completes it, which uvicorn forgets."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    def shutdown(self) -> None:
        """Close the connection with 1012; a handshake that is not answered yet is answered first.

        uvicorn would answer it with 500. The application accepts it and, as its waits have ended, closes it.
        """
        if self.handshake_complete or self.close_sent:
            super().shutdown()
        else:
            self.stop_keepalive()

    def handle_parser_exception(self) -> None:
        """Close the connection after bytes that are not WebSocket frames.

        No close frame can follow if they came before the handshake was answered; uvicorn expects one.
        """
        if self.conn.close_sent is None:
            self.transport.abort()
        else:
            super().handle_parser_exception()
