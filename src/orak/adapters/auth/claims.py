"""The claims of a token whose signature was verified."""

import re
from datetime import UTC, datetime, timedelta

import msgspec

from orak.application.ports.tokens import InvalidToken
from orak.domain.actor import Actor
from orak.domain.identity import MAX_ID, UserId

LEEWAY = timedelta(seconds=5)
"""How far an issuer's clock may be ahead before `nbf` rejects a fresh token. `exp` has no leeway."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_TIMESTAMP = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()

_SUBJECT = re.compile("[1-9][0-9]{0,15}")


class Claims(msgspec.Struct, frozen=True):
    """The registered claims that orak checks, and the scope.

    RFC 7519 §4.1 defines the claims, RFC 8693 §4.2 the scope.

    A NumericDate must be a JSON number; a string is rejected, although some libraries accept it.
    """

    sub: str
    exp: float
    nbf: float = 0
    iat: float = 0
    iss: str | None = None
    aud: str | list[str] | None = None
    scope: str = ""

    @property
    def actor(self) -> Actor:
        """The caller.

        Raise `InvalidToken` unless the subject is a user id in canonical decimal form.
        """
        if not _SUBJECT.fullmatch(self.sub) or int(self.sub) > MAX_ID:
            raise InvalidToken("the subject is not a user id")
        return Actor(UserId(int(self.sub)), frozenset(self.scope.split()))

    @property
    def expires_at(self) -> datetime:
        """When the token expires, at the latest in the year 9999."""
        return _EPOCH + timedelta(seconds=min(self.exp, _MAX_TIMESTAMP))

    def check_time(self, now: float) -> None:
        """Raise `InvalidToken` if the token is expired or not yet valid.

        See RFC 7519 §4.1.4 and §4.1.5.
        """
        if now >= self.exp:
            raise InvalidToken("the token is expired")
        if now + LEEWAY.total_seconds() < self.nbf:
            raise InvalidToken("the token is not valid yet")

    def check_parties(self, issuer: str | None, audience: str | None) -> None:
        """Raise `InvalidToken` if *issuer* or *audience* is not the token's.

        Without *issuer*, any issuer is accepted. Without *audience*, a token that names one is rejected,
        because it is meant for another service (RFC 7519 §4.1.3).
        """
        if issuer is not None and self.iss != issuer:
            raise InvalidToken("the token is from another issuer")
        audiences = [self.aud] if isinstance(self.aud, str) else self.aud or []
        if audience not in audiences and (audience is not None or audiences):
            raise InvalidToken("the token is for another audience")
