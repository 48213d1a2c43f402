"""Public keys that change while orak runs, from a real server."""

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
from orak.adapters.auth.jwks import MAX_AGE, PAUSE
from orak.adapters.auth.jwt import REMEMBERED_FOR, JwtTokens
from orak.adapters.clock.frozen import FrozenClock
from orak.application.ports.failures import Unavailable
from orak.application.ports.tokens import InvalidToken

OLD, NEW = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


class Issuer:
    """Serves what it is told to, and counts who asks."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = 200
        self.body = b""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
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


async def test_keys_are_fetched_once_and_kept(tokens, issuer):
    issuer.serve(a_key(OLD, "old"))
    for user in range(1, 6):
        assert (await tokens.verify(a_token(OLD, "old", user=user))).actor.user_id == user
    assert issuer.asked == 1


async def test_those_who_come_at_once_share_one_fetch(tokens, issuer):
    issuer.serve(a_key(OLD, "old"))
    bearers = await asyncio.gather(*(tokens.verify(a_token(OLD, "old", user=user)) for user in range(1, 21)))
    assert [bearer.actor.user_id for bearer in bearers] == list(range(1, 21))
    assert issuer.asked == 1


async def test_a_rotated_key_is_found_by_its_unknown_id(tokens, issuer, clock):
    issuer.serve(a_key(OLD, "old"))
    await tokens.verify(a_token(OLD, "old"))
    issuer.serve(a_key(OLD, "old"), a_key(NEW, "new"))
    clock.advance(PAUSE)
    assert await tokens.verify(a_token(NEW, "new"))
    assert await tokens.verify(a_token(OLD, "old", user=8))
    assert issuer.asked == 2


async def test_made_up_key_ids_do_not_bother_the_issuer(tokens, issuer, clock):
    issuer.serve(a_key(OLD, "old"))
    await tokens.verify(a_token(OLD, "old"))
    for number in range(30):
        clock.advance(PAUSE / 10)
        with pytest.raises(InvalidToken):
            await tokens.verify(a_token(OLD, f"made up {number}"))
    assert issuer.asked == 4


async def test_a_withdrawn_key_is_noticed_even_for_tokens_seen_before(tokens, issuer, clock):
    issuer.serve(a_key(OLD, "old"), a_key(NEW, "new"))
    token = a_token(OLD, "old")
    await tokens.verify(token)
    issuer.serve(a_key(NEW, "new"))
    clock.advance(max(MAX_AGE, REMEMBERED_FOR))
    with pytest.raises(InvalidToken):
        await tokens.verify(token)


@pytest.mark.parametrize("status", [404, 503, 302])
async def test_without_any_keys_nobody_is_refused_but_asked_to_come_again(tokens, issuer, clock, status):
    issuer.fail(status)
    with pytest.raises(Unavailable):
        await tokens.verify(a_token(OLD, "old"))
    issuer.serve(a_key(OLD, "old"))
    with pytest.raises(Unavailable):  # tried a moment ago
        await tokens.verify(a_token(OLD, "old"))
    clock.advance(PAUSE)
    assert await tokens.verify(a_token(OLD, "old"))


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"keys": []}', b'{"keys": 1}', b'{"keys": [1]}', b"[" * 100_000, b"\xff"],
    ids=lambda body: ascii(body)[:20],
)
async def test_an_answer_that_is_no_key_set_is_none(tokens, issuer, body):
    issuer.body = body
    with pytest.raises(Unavailable):
        await tokens.verify(a_token(OLD, "old"))


async def test_known_keys_stay_good_while_the_issuer_is_down(tokens, issuer, clock):
    issuer.serve(a_key(OLD, "old"))
    await tokens.verify(a_token(OLD, "old"))
    issuer.fail()
    clock.advance(MAX_AGE * 3)
    assert await tokens.verify(a_token(OLD, "old"))
    with pytest.raises(Unavailable):  # it may be a new key, which nobody can tell now
        await tokens.verify(a_token(NEW, "new"))


async def test_an_issuer_that_cannot_be_reached_is_unavailable(clock, issuer):
    url = issuer.url.replace(str(issuer.server.server_port), "1")
    with pytest.raises(Unavailable):
        await JwtTokens(clock=clock, jwks_url=url).verify(a_token(OLD, "old"))


async def test_a_token_or_key_without_an_id_is_matched_by_trying(tokens, issuer):
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
async def test_a_key_that_cannot_be_used_is_passed_over(tokens, issuer, unusable):
    issuer.serve(unusable, a_key(NEW, "new"))
    assert await tokens.verify(a_token(NEW, "new"))
    with pytest.raises(InvalidToken):
        await tokens.verify(a_token(OLD, "old"))


async def test_a_symmetric_key_in_public_signs_nothing(tokens, issuer):
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


async def test_a_short_rsa_key_is_no_key(tokens, issuer):
    issuer.serve(a_key(rsa.generate_private_key(65537, 1024), "short"))  # noqa: S505 - that is the point
    with pytest.raises(Unavailable):
        await tokens.verify(a_token(OLD, "old"))


async def test_keys_may_lie_in_a_file_that_is_read_again(clock, tmp_path):
    path = tmp_path / "키 모음.json"
    path.write_text(json.dumps({"keys": [a_key(OLD, "old")]}))
    tokens = JwtTokens(clock=clock, jwks_url=path.as_uri())
    assert await tokens.verify(a_token(OLD, "old"))
    path.write_text(json.dumps({"keys": [a_key(NEW, "new")]}))
    clock.advance(PAUSE)
    assert await tokens.verify(a_token(NEW, "new"))
    assert await JwtTokens(clock=clock, jwks_url=str(path)).verify(a_token(NEW, "new"))


async def test_a_file_that_is_not_there_is_unavailable(clock, tmp_path):
    with pytest.raises(Unavailable):
        await JwtTokens(clock=clock, jwks_url=str(tmp_path / "absent")).verify(a_token(OLD, "old"))
