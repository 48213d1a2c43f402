"""What a token says, once its signature is known to be good."""

import re
from datetime import UTC, datetime, timedelta

import msgspec

from orak.application.ports.tokens import InvalidToken
from orak.domain.actor import Actor
from orak.domain.identity import MAX_ID, UserId

LEEWAY = timedelta(seconds=5)
"""How far an issuer's clock may be ahead of ours before `nbf` keeps a fresh token out. `exp` has none."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = (datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()

_SUBJECT = re.compile("[1-9][0-9]{0,15}")


class Claims(msgspec.Struct, frozen=True):
    """The registered claims of RFC 7519 §4.1 that are looked at, and the scope of RFC 8693 §4.2.

    A NumericDate is a JSON number; the string that some libraries let pass is none.
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
        """Who is asking. Raise `InvalidToken` if the subject is no user id in its one decimal spelling."""
        if not _SUBJECT.fullmatch(self.sub) or int(self.sub) > MAX_ID:
            raise InvalidToken("the subject is no user id")
        return Actor(UserId(int(self.sub)), frozenset(self.scope.split()))

    @property
    def expires_at(self) -> datetime:
        """The end of the token's time; a token that outlives the calendar ends with it."""
        return _EPOCH + timedelta(seconds=min(self.exp, _LAST))

    def check_time(self, now: float) -> None:
        """Raise `InvalidToken` unless *now* is in the token's time (RFC 7519 §4.1.4, §4.1.5)."""
        if now >= self.exp:
            raise InvalidToken("the token is expired")
        if now + LEEWAY.total_seconds() < self.nbf:
            raise InvalidToken("the token is not yet valid")

    def check_parties(self, issuer: str | None, audience: str | None) -> None:
        """Raise `InvalidToken` unless the token is from *issuer*, if one is expected, and for *audience*.

        A token that names an audience where none is expected is for somebody else (RFC 7519 §4.1.3).
        """
        if issuer is not None and self.iss != issuer:
            raise InvalidToken("the issuer is another")
        audiences = [self.aud] if isinstance(self.aud, str) else self.aud or []
        if audience not in audiences and (audience is not None or audiences):
            raise InvalidToken("the audience is another")
