from orak.application.ports.tokens import Bearer, InvalidToken


class NoTokens:
    """Rejects every token.

    It suits a program that embeds orak and authenticates its users itself.
    """

    async def verify(self, _token: str) -> Bearer:
        """Raise `InvalidToken`."""
        raise InvalidToken("no token is accepted: neither a JWT secret nor a JWK Set is configured")
