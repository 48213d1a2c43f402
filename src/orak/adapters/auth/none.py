from orak.application.ports.tokens import InvalidToken
from orak.domain.actor import Actor


class NoTokens:
    """Takes no token at all: for a program that embeds orak and knows its users by itself."""

    async def verify(self, _token: str) -> Actor:
        """Raise `InvalidToken`, whatever it is."""
        raise InvalidToken
