from collections.abc import Iterable
from datetime import datetime, timedelta

import jwt

from orak.domain.identity import UserId


def issue_token(
    secret: str,
    user_id: UserId,
    scopes: Iterable[str],
    life: timedelta,
    now: datetime,
    *,
    issuer: str | None = None,
    audience: str | None = None,
) -> str:
    """Return an HS256 token that `JwtTokens` accepts.

    `JwtTokens` must have the same *secret*, *issuer* and *audience*.
    """
    claims: dict[str, str | int] = {
        "sub": str(user_id),
        "iat": int(now.timestamp()),
        "exp": int((now + life).timestamp()),
    }
    optional = {"scope": " ".join(sorted(scopes)), "iss": issuer, "aud": audience}
    claims |= {name: value for name, value in optional.items() if value}
    return jwt.encode(claims, secret, algorithm="HS256")
