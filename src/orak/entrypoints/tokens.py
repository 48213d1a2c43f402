from orak.adapters.auth.jwt import JwtTokens
from orak.adapters.auth.none import NoTokens
from orak.application.ports.clock import Clock
from orak.application.ports.tokens import Tokens
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.values import Settings


def choose_tokens(settings: Settings, clock: Clock) -> Tokens:
    """Return the verifier of tokens. Raise `InvalidSetting` if its settings cannot work."""
    if settings.jwt_secret is None and settings.jwks_url is None:
        return NoTokens()  # embedded: the program itself names the actor
    try:
        return JwtTokens(
            clock=clock,
            secret=settings.jwt_secret,
            jwks_url=settings.jwks_url,
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            algorithms=settings.jwt_algorithms,
        )
    except ValueError as error:
        name = "JWT_SECRET" if settings.jwt_secret else "JWKS_URL"
        raise InvalidSetting(
            f"{name} or JWT_ALGORITHMS", f"cannot be used: {error}", f"see {name} in `orak config`"
        ) from error
