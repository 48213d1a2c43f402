"""Bearer tokens as JSON Web Tokens (RFC 7519), verified as RFC 8725 recommends."""

from collections.abc import Sequence
from datetime import timedelta

import jwt
import msgspec
from jwt.utils import base64url_decode

from orak.adapters.auth.claims import Claims
from orak.adapters.auth.keys import Keys, SecretKeys
from orak.application.ports.clock import Clock
from orak.application.ports.tokens import Bearer, InvalidToken

_JWS = jwt.PyJWS()
_MAX_TOKEN_BYTES = 8 * 1024
_MAX_CACHED_TOKENS = 4096

CACHE_LIFETIME = timedelta(minutes=5)
"""How long a verified token is cached, and so how long it can outlive its key."""


class JwtTokens:
    """Verifies JWTs that are signed with a shared secret or with a key of a JWK Set.

    Give exactly one of *secret* and *jwks_url* (an HTTP URL, `file:` URL or path). By default, *algorithms*
    is HS256 with a secret, and RS256, ES256 and EdDSA with a JWK Set.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        secret: str | None = None,
        jwks_url: str | None = None,
        issuer: str | None = None,
        audience: str | None = None,
        algorithms: Sequence[str] = (),
    ) -> None:
        """Raise `ValueError` if these settings cannot verify tokens safely."""
        self._keys = _keys(secret, jwks_url, algorithms, clock)
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._verified: dict[str, _Verified] = {}

    async def verify(self, token: str) -> Bearer:
        """Return the bearer. Recently verified tokens come from a cache."""
        now = self._clock.now().timestamp()
        known = self._verified.get(token)
        if known is not None and now < known.until:
            return known.bearer
        claims = await self._claims(token)
        claims.check_time(now)
        claims.check_parties(self._issuer, self._audience)
        bearer = Bearer(claims.actor, claims.expires_at)
        self._cache(token, _Verified(bearer, min(claims.exp, now + CACHE_LIFETIME.total_seconds())))
        return bearer

    async def _claims(self, token: str) -> Claims:
        """Verify the signature and return the claims."""
        if len(token) > _MAX_TOKEN_BYTES or not token.isascii():
            raise InvalidToken("the token is too long or not ASCII")
        try:
            header = _header(token)
            for key in await self._keys.candidates(header.alg, header.kid):
                payload = _verified_payload(token, key)
                if payload is not None:
                    return msgspec.json.decode(payload, type=Claims)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise InvalidToken("the token is malformed") from error
        raise InvalidToken("no known key signed the token")

    def _cache(self, token: str, verified: "_Verified") -> None:
        self._verified.pop(token, None)
        while len(self._verified) >= _MAX_CACHED_TOKENS:
            del self._verified[next(iter(self._verified))]  # the oldest
        self._verified[token] = verified


def _keys(secret: str | None, jwks_url: str | None, algorithms: Sequence[str], clock: Clock) -> Keys:
    if secret is not None and jwks_url is None:
        return SecretKeys(secret, algorithms)
    if jwks_url is not None and secret is None:
        # The HTTP client takes a third of a second to import, and only a JWK Set needs it.
        from orak.adapters.auth.jwks import JwksKeys  # noqa: PLC0415

        return JwksKeys(jwks_url, algorithms, clock)
    raise ValueError("set exactly one of a secret and a JWK Set URL")


class _Verified(msgspec.Struct, frozen=True):
    bearer: Bearer
    until: float


class _Header(msgspec.Struct, frozen=True):
    """The header of a token, which only selects among the allowed keys and algorithms."""

    alg: str
    kid: str | None = None
    crit: object = msgspec.UNSET


def _header(token: str) -> _Header:
    header = msgspec.json.decode(base64url_decode(token.partition(".")[0]), type=_Header)
    if header.crit is not msgspec.UNSET:
        raise InvalidToken("the token requires an unsupported extension")  # RFC 7515 §4.1.11
    return header


def _verified_payload(token: str, key: jwt.PyJWK) -> bytes | None:
    """Return the payload if *key* signed it, else None. The claims are not checked."""
    try:
        payload: bytes = _JWS.decode(token, key, [key.algorithm_name])
    except jwt.InvalidSignatureError:
        return None
    return payload
