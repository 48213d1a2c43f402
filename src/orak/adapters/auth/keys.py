"""Keys that verify signatures, each bound to one algorithm (RFC 8725 §3.1)."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import jwt
import msgspec

_SECRET_ALGORITHMS = frozenset({"HS256", "HS384", "HS512"})
_DEFAULT_SECRET_ALGORITHMS = ("HS256",)

_PUBLIC_ALGORITHMS: Mapping[tuple[str, str | None], Sequence[str]] = {
    ("RSA", None): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
"""The algorithms that a public key can verify, by `kty` and `crv` (RFC 7518 §3.1, RFC 8037 §3.1).

Symmetric keys are missing, because a published key is not secret.
"""

_DEFAULT_PUBLIC_ALGORITHMS = ("RS256", "ES256", "EdDSA")


class Keys(Protocol):
    """A source of keys that may have signed a token."""

    async def candidates(self, algorithm: str, key_id: str | None) -> Sequence[jwt.PyJWK]:
        """Return the keys for *algorithm*: all, or those with *key_id* if given.

        The result is empty if *algorithm* is not allowed. Raise `Unavailable` if the keys cannot be read.
        """
        ...


class SecretKeys:
    """The secret that the issuer and orak share."""

    def __init__(self, secret: str, algorithms: Sequence[str]) -> None:
        allowed = _allowed(algorithms, _SECRET_ALGORITHMS, _DEFAULT_SECRET_ALGORITHMS)
        encoded = urlsafe_b64encode(secret.encode()).decode()
        try:
            self._keys = {name: jwt.PyJWK({"kty": "oct", "k": encoded}, name) for name in allowed}
            for key in self._keys.values():
                key.Algorithm.prepare_key(key.key)
        except jwt.InvalidKeyError as error:  # empty, or a public key
            raise ValueError(str(error)) from error

    async def candidates(self, algorithm: str, key_id: str | None) -> Sequence[jwt.PyJWK]:  # noqa: ARG002
        """Return the secret, whatever *key_id* is."""
        return [self._keys[algorithm]] if algorithm in self._keys else []


class PublicKeys:
    """The usable keys of a JWK Set (RFC 7517).

    Unknown kinds of keys are ignored (§5), as are keys that are not for signatures and RSA keys shorter than
    RFC 7518 §3.3 allows.
    """

    def __init__(self, content: bytes, algorithms: frozenset[str]) -> None:
        """Raise `ValueError` if *content* is not a JWK Set or has no usable key."""
        try:
            members = msgspec.json.decode(content, type=_Set).keys
        except (msgspec.DecodeError, RecursionError) as error:
            raise ValueError("the content is not a JWK Set") from error
        self._keys = [key for member in members for key in _usable_keys(member, algorithms)]
        if not self._keys:
            raise ValueError("the JWK Set has no usable key")

    def find(self, algorithm: str, key_id: str | None) -> list[jwt.PyJWK]:
        """Return the keys for *algorithm*: all, or those with *key_id* if given."""
        return [
            key
            for key in self._keys
            if key.algorithm_name == algorithm and (key_id is None or key.key_id == key_id)
        ]


class _Set(msgspec.Struct, frozen=True):
    keys: list[dict[str, object]]


class _Member(msgspec.Struct, frozen=True):
    kty: str
    kid: str | None = None
    crv: str | None = None
    alg: str | None = None
    use: str = "sig"


def public_algorithms(wanted: Sequence[str]) -> frozenset[str]:
    """Return the algorithms to allow with public keys.

    Raise `ValueError` for any other algorithm.
    """
    known = frozenset(name for names in _PUBLIC_ALGORITHMS.values() for name in names)
    return _allowed(wanted, known, _DEFAULT_PUBLIC_ALGORITHMS)


def _usable_keys(member: dict[str, object], algorithms: frozenset[str]) -> Iterator[jwt.PyJWK]:
    try:
        about = msgspec.convert(member, _Member)
    except msgspec.ValidationError:
        return
    for name in _PUBLIC_ALGORITHMS.get((about.kty, about.crv), ()):
        if name not in algorithms or about.alg not in {None, name} or about.use != "sig":
            continue
        try:
            key = jwt.PyJWK(member, name)
        except jwt.PyJWTError:
            continue
        if not key.Algorithm.check_key_length(key.key):
            yield key


def _allowed(wanted: Sequence[str], known: frozenset[str], default: Sequence[str]) -> frozenset[str]:
    if unsupported := set(wanted) - known:
        names = ", ".join(sorted(unsupported))
        raise ValueError(f"not supported with this kind of key: {names}")
    return frozenset(wanted or default)
