"""Bearer tokens as JSON Web Tokens (RFC 7519), verified the way RFC 8725 asks for."""

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
_MAX_TOKEN = 8 * 1024  # bytes; nothing longer is even parsed
_REMEMBERED_TOKENS = 4096

REMEMBERED_FOR = timedelta(minutes=5)
"""A token's signature is checked again after this, so that it does not outlive its key by more."""


class JwtTokens:
    """A `Tokens` for JWTs signed with a shared secret, or with the keys of a JWK Set.

    Exactly one of *secret* and *jwks_url* (a URL, `file:` URL or path) is given. Without *algorithms*, HS256
    is allowed with the secret, and RS256, ES256 and EdDSA with the keys.
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
        """Raise `ValueError` for settings by which no token could be verified safely."""
        self._keys = _keys(secret, jwks_url, algorithms, clock)
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._verified: dict[str, _Verified] = {}

    async def verify(self, token: str) -> Bearer:
        """Return the bearer; a token seen lately costs a look-up."""
        now = self._clock.now().timestamp()
        known = self._verified.get(token)
        if known is not None and now < known.until:
            return known.bearer
        claims = await self._claims(token)
        claims.check_time(now)
        claims.check_parties(self._issuer, self._audience)
        bearer = Bearer(claims.actor, claims.expires_at)
        self._remember(token, _Verified(bearer, min(claims.exp, now + REMEMBERED_FOR.total_seconds())))
        return bearer

    async def _claims(self, token: str) -> Claims:
        """Return what a token with a good signature says."""
        if len(token) > _MAX_TOKEN or not token.isascii():
            raise InvalidToken("the token is too long, or holds what no token holds")
        try:
            header = _header(token)
            for key in await self._keys.candidates(header.alg, header.kid):
                payload = _verified_payload(token, key)
                if payload is not None:
                    return msgspec.json.decode(payload, type=Claims)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise InvalidToken("the token is malformed") from error
        raise InvalidToken("no key of ours signed this")

    def _remember(self, token: str, verified: "_Verified") -> None:
        self._verified.pop(token, None)
        while len(self._verified) >= _REMEMBERED_TOKENS:
            del self._verified[next(iter(self._verified))]  # the one verified longest ago
        self._verified[token] = verified


def _keys(secret: str | None, jwks_url: str | None, algorithms: Sequence[str], clock: Clock) -> Keys:
    if secret is not None and jwks_url is None:
        return SecretKeys(secret, algorithms)
    if jwks_url is not None and secret is None:
        # The HTTP client takes a third of a second to import, and only these need it.
        from orak.adapters.auth.jwks import JwksKeys  # noqa: PLC0415

        return JwksKeys(jwks_url, algorithms, clock)
    raise ValueError("give either a secret or a JWK Set")


class _Verified(msgspec.Struct, frozen=True):
    bearer: Bearer
    until: float


class _Header(msgspec.Struct, frozen=True):
    """What a token says of its own signature; it decides nothing beyond what the keys allow."""

    alg: str
    kid: str | None = None
    crit: object = msgspec.UNSET


def _header(token: str) -> _Header:
    header = msgspec.json.decode(base64url_decode(token.partition(".")[0]), type=_Header)
    if header.crit is not msgspec.UNSET:
        raise InvalidToken("an extension is critical that orak does not know")  # RFC 7515 §4.1.11
    return header


def _verified_payload(token: str, key: jwt.PyJWK) -> bytes | None:
    """Return the payload if *key* signed it; its times are not looked at."""
    try:
        payload: bytes = _JWS.decode(token, key, [key.algorithm_name])
    except jwt.InvalidSignatureError:
        return None
    return payload
