"""Public keys from a real server, which change while orak runs."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from builders import START
from orak.adapters.auth.jwks import MAX_AGE, MIN_FETCH_INTERVAL
from orak.adapters.auth.jwt import CACHE_LIFETIME, JwtTokens
from orak.adapters.clock.frozen import FrozenClock
from orak.application.ports.failures import Unavailable
from orak.application.ports.tokens import InvalidToken

OLD, NEW = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


class Issuer:
    """A server of one JWK Set that counts its requests."""

    def __init__(self) -> None:
        self.requests = 0
        self.status = 200
        self.body = b""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requests += 1
                self.send_response(issuer.status)
                self.send_header("Content-Length", str(len(issuer.body)))
                self.end_headers()
                self.wfile.write(issuer.body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/jwks.json"

    def serve(self, *keys: dict) -> None:
        self.status, self.body = 200, json.dumps({"keys": keys}).encode()

    def fail(self, status: int = 503) -> None:
        self.status, self.body = status, b"{}"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    thread = Thread(target=issuer.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield issuer
    issuer.server.shutdown()
    thread.join()
    issuer.server.server_close()


@pytest.fixture
def clock():
    return FrozenClock(START)


@pytest.fixture
def tokens(issuer, clock):
    return JwtTokens(clock=clock, jwks_url=issuer.url)


def a_key(private, kid: str | None, **fields: object) -> dict:
    algorithm = jwt.get_algorithm_by_name("ES256")
    if isinstance(private, rsa.RSAPrivateKey):
        algorithm = jwt.get_algorithm_by_name("RS256")
    if isinstance(private, ed25519.Ed25519PrivateKey):
        algorithm = jwt.get_algorithm_by_name("EdDSA")
    named = {} if kid is None else {"kid": kid}
    return algorithm.to_jwk(private.public_key(), as_dict=True) | named | fields


def a_token(private, kid: str | None, *, user: int = 7, algorithm: str = "ES256") -> str:
    claims = {"sub": str(user), "exp": int((START + timedelta(days=1)).timestamp())}
    return jwt.encode(claims, private, algorithm, headers={} if kid is None else {"kid": kid})


async def test_keys_are_fetched_once_and_cached(tokens, issuer):
    issuer.serve(a_key(OLD, "old"))
    for user in range(1, 6):
        assert (await tokens.verify(a_token(OLD, "old", user=user))).actor.user_id == user
    assert issuer.requests == 1


async def test_concurrent_callers_share_one_fetch(tokens, issuer):
    issuer.serve(a_key(OLD, "old"))
    bearers = await asyncio.gather(*(tokens.verify(a_token(OLD, "old", user=user)) for user in range(1, 21)))
    assert [bearer.actor.user_id for bearer in bearers] == list(range(1, 21))
    assert issuer.requests == 1


async def test_an_unknown_key_id_fetches_the_rotated_key(tokens, issuer, clock):
    issuer.serve(a_key(OLD, "old"))
    await tokens.verify(a_token(OLD, "old"))
    issuer.serve(a_key(OLD, "old"), a_key(NEW, "new"))
    clock.advance(MIN_FETCH_INTERVAL)
    assert await tokens.verify(a_token(NEW, "new"))
    assert await tokens.verify(a_token(OLD, "old", user=8))
    assert issuer.requests == 2


async def test_made_up_key_ids_fetch_at_most_once_per_interval(tokens, issuer, clock):
    issuer.serve(a_key(OLD, "old"))
    await tokens.verify(a_token(OLD, "old"))
    for number in range(30):
        clock.advance(MIN_FETCH_INTERVAL / 10)
        with pytest.raises(InvalidToken):
            await tokens.verify(a_token(OLD, f"made up {number}"))
    assert issuer.requests == 4


async def test_a_withdrawn_key_invalidates_cached_tokens(tokens, issuer, clock):
    issuer.serve(a_key(OLD, "old"), a_key(NEW, "new"))
    token = a_token(OLD, "old")
    await tokens.verify(token)
    issuer.serve(a_key(NEW, "new"))
    clock.advance(max(MAX_AGE, CACHE_LIFETIME))
    with pytest.raises(InvalidToken):
        await tokens.verify(token)


@pytest.mark.parametrize("status", [404, 503, 302])
async def test_verification_is_unavailable_until_keys_have_been_fetched(tokens, issuer, clock, status):
    issuer.fail(status)
    with pytest.raises(Unavailable):
        await tokens.verify(a_token(OLD, "old"))
    issuer.serve(a_key(OLD, "old"))
    with pytest.raises(Unavailable):  # too soon to fetch again
        await tokens.verify(a_token(OLD, "old"))
    clock.advance(MIN_FETCH_INTERVAL)
    assert await tokens.verify(a_token(OLD, "old"))


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"keys": []}', b'{"keys": 1}', b'{"keys": [1]}', b"[" * 100_000, b"\xff"],
    ids=lambda body: ascii(body)[:20],
)
async def test_an_invalid_key_set_raises_unavailable(tokens, issuer, body):
    issuer.body = body
    with pytest.raises(Unavailable):
        await tokens.verify(a_token(OLD, "old"))


async def test_known_keys_stay_in_use_while_the_issuer_is_down(tokens, issuer, clock):
    issuer.serve(a_key(OLD, "old"))
    await tokens.verify(a_token(OLD, "old"))
    issuer.fail()
    clock.advance(MAX_AGE * 3)
    assert await tokens.verify(a_token(OLD, "old"))
    with pytest.raises(Unavailable):  # the key may be new, and the issuer cannot be asked
        await tokens.verify(a_token(NEW, "new"))


async def test_an_unreachable_issuer_raises_unavailable(clock, issuer):
    url = issuer.url.replace(str(issuer.server.server_port), "1")
    with pytest.raises(Unavailable):
        await JwtTokens(clock=clock, jwks_url=url).verify(a_token(OLD, "old"))


async def test_a_token_without_a_key_id_is_tried_with_every_key(tokens, issuer):
    issuer.serve(a_key(NEW, "new"), a_key(OLD, None))
    assert await tokens.verify(a_token(OLD, None))
    assert await tokens.verify(a_token(NEW, None))


@pytest.mark.parametrize(
    "unusable",
    [
        {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "kid": "old", "alg": "HS256"},
        a_key(OLD, "old", use="enc"),
        a_key(OLD, "old", alg="ES384"),
        a_key(OLD, "old") | {"x": "AAAA"},
        a_key(OLD, "old") | {"crv": "P-384"},
        a_key(ec.generate_private_key(ec.SECP384R1()), "old") | {"crv": "P-256"},
        {"kty": "EC", "kid": "old"},
        {"kty": 1},
        {},
    ],
    ids=[
        "oct",
        "for encryption",
        "for ES384",
        "not a point",
        "another curve",
        "long point",
        "no curve",
        "kty",
        "{}",
    ],
)
async def test_an_unusable_key_is_ignored(tokens, issuer, unusable):
    issuer.serve(unusable, a_key(NEW, "new"))
    assert await tokens.verify(a_token(NEW, "new"))
    with pytest.raises(InvalidToken):
        await tokens.verify(a_token(OLD, "old"))


async def test_a_published_symmetric_key_verifies_nothing(tokens, issuer):
    issuer.serve(
        {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "kid": "k"}, a_key(NEW, "new")
    )
    with pytest.raises(InvalidToken):
        await tokens.verify(a_token(b"secret-secret-secret-secret-secret", "k", algorithm="HS256"))


async def test_a_key_is_bound_to_its_algorithm(clock, issuer):
    private = rsa.generate_private_key(65537, 2048)
    issuer.serve(a_key(private, "rsa", alg="RS256"))
    tokens = JwtTokens(clock=clock, jwks_url=issuer.url, algorithms=["RS256", "RS512", "PS256"])
    assert await tokens.verify(a_token(private, "rsa", algorithm="RS256"))
    for algorithm in ("RS512", "PS256", "RS384"):
        with pytest.raises(InvalidToken):
            await tokens.verify(a_token(private, "rsa", algorithm=algorithm))


async def test_a_short_rsa_key_is_ignored(tokens, issuer):
    issuer.serve(a_key(rsa.generate_private_key(65537, 1024), "short"))  # noqa: S505 - the key is short on purpose
    with pytest.raises(Unavailable):
        await tokens.verify(a_token(OLD, "old"))


async def test_a_key_file_is_read_again(clock, tmp_path):
    path = tmp_path / "키 모음.json"
    path.write_text(json.dumps({"keys": [a_key(OLD, "old")]}))
    tokens = JwtTokens(clock=clock, jwks_url=path.as_uri())
    assert await tokens.verify(a_token(OLD, "old"))
    path.write_text(json.dumps({"keys": [a_key(NEW, "new")]}))
    clock.advance(MIN_FETCH_INTERVAL)
    assert await tokens.verify(a_token(NEW, "new"))
    assert await JwtTokens(clock=clock, jwks_url=str(path)).verify(a_token(NEW, "new"))


async def test_a_missing_key_file_raises_unavailable(clock, tmp_path):
    with pytest.raises(Unavailable):
        await JwtTokens(clock=clock, jwks_url=str(tmp_path / "absent")).verify(a_token(OLD, "old"))
