"""The promises of every `Tokens`: it refuses every bad token, for each algorithm."""

import hmac
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from orak.adapters.auth.jwt import JwtTokens
from orak.adapters.clock.frozen import FrozenClock
from orak.application.ports.tokens import Bearer, InvalidToken
from orak.domain.actor import Actor
from orak.domain.identity import MAX_ID, UserId

SECRET = "a secret of at least thirty-two bytes"
ISSUER, AUDIENCE = "https://issuer.test", "orak"
HOUR = timedelta(hours=1)

SIGNERS = {
    "HS256": SECRET.encode(),
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def public_key_set() -> dict:
    keys = []
    for name, private in SIGNERS.items():
        if name != "HS256":
            algorithm = jwt.get_algorithm_by_name(name)
            keys.append(algorithm.to_jwk(private.public_key(), as_dict=True) | {"kid": name, "use": "sig"})
    return {"keys": keys}


@pytest.fixture(scope="module")
def key_set_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "jwks.json"
    path.write_text(json.dumps(public_key_set()))
    return path


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture(params=list(SIGNERS))
def algorithm(request):
    return request.param


@pytest.fixture
def source(algorithm, key_set_file):
    """The setting that names the keys."""
    return {"secret": SECRET} if algorithm == "HS256" else {"jwks_url": str(key_set_file)}


@pytest.fixture
def tokens(clock, source):
    return JwtTokens(clock=clock, issuer=ISSUER, audience=AUDIENCE, **source)


@pytest.fixture
def claims(clock):
    now = int(clock.now().timestamp())
    return {"sub": "7", "iat": now, "exp": now + 3600, "iss": ISSUER, "aud": AUDIENCE, "scope": "admin read"}


@pytest.fixture
def sign(algorithm):
    def sign(claims: object, **header: object) -> str:
        return signed(algorithm, json.dumps(claims).encode(), header)

    return sign


def signed(algorithm: str, payload: bytes, header: dict, key: object = None) -> str:
    """Sign any payload, as a careless or hostile issuer might."""
    signing = jwt.get_algorithm_by_name(algorithm)
    fields = {"alg": algorithm, "typ": "JWT", "kid": algorithm} | header
    signing_input = f"{encoded(json.dumps(fields).encode())}.{encoded(payload)}"
    signature = signing.sign(signing_input.encode(), SIGNERS[algorithm] if key is None else key)
    return f"{signing_input}.{encoded(signature)}"


def encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def without(claims: dict, name: str) -> dict:
    return {key: value for key, value in claims.items() if key != name}


async def test_a_valid_token_names_its_user_and_scopes(tokens, sign, claims):
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    expected = Bearer(Actor(UserId(7), frozenset({"admin", "read"})), expires_at)
    assert await tokens.verify(sign(claims)) == expected
    assert await tokens.verify(sign(claims)) == expected


async def test_a_token_without_a_scope_grants_none(tokens, sign, claims):
    assert (await tokens.verify(sign(without(claims, "scope")))).actor.scopes == frozenset()
    assert not (await tokens.verify(sign(claims | {"scope": "administrator Admin"}))).actor.is_admin


async def test_a_token_is_valid_until_it_expires(tokens, sign, claims, clock):
    token = sign(claims)
    clock.advance(HOUR - timedelta(microseconds=1))
    assert (await tokens.verify(token)).actor.user_id == 7
    clock.advance(timedelta(microseconds=1))
    with pytest.raises(InvalidToken):
        await tokens.verify(token)


async def test_a_token_that_was_verified_still_expires(tokens, sign, claims, clock):
    token = sign(claims)
    await tokens.verify(token)
    clock.advance(HOUR)
    with pytest.raises(InvalidToken):
        await tokens.verify(token)


async def test_a_token_that_expires_beyond_the_calendar_is_valid(tokens, sign, claims):
    bearer = await tokens.verify(sign(claims | {"exp": 1e18}))
    assert bearer.expires_at == datetime(9999, 1, 1, tzinfo=UTC)


async def test_the_issuer_s_clock_may_be_slightly_ahead(tokens, sign, claims):
    assert await tokens.verify(sign(claims | {"nbf": claims["iat"] + 5, "iat": claims["iat"] + 5}))
    with pytest.raises(InvalidToken):
        await tokens.verify(sign(claims | {"nbf": claims["iat"] + 6}))


async def test_times_may_have_fractions_and_the_audience_may_be_one_of_many(tokens, sign, claims):
    assert await tokens.verify(sign(claims | {"exp": claims["exp"] + 0.5, "aud": ["other", AUDIENCE]}))


@pytest.mark.parametrize("claim", ["sub", "exp", "iss", "aud"])
async def test_a_token_that_lacks_a_claim_is_refused(tokens, sign, claims, claim):
    with pytest.raises(InvalidToken):
        await tokens.verify(sign(without(claims, claim)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": "9999999999"},
        {"exp": None},
        {"exp": True},
        {"exp": [9999999999]},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": 0},
        {"exp": -1},
        {"nbf": "0"},
        {"nbf": 9999999999},
        {"iat": "0"},
        {"iat": {}},
        {"iss": "https://issuer.test/"},
        {"iss": [ISSUER]},
        {"aud": "Orak"},
        {"aud": []},
        {"aud": ["other"]},
        {"aud": {"orak": 1}},
        {"scope": ["admin"]},
        {"scope": None},
    ],
    ids=str,
)
async def test_a_token_with_an_invalid_claim_is_refused(tokens, sign, claims, wrong):
    with pytest.raises(InvalidToken):
        await tokens.verify(sign(claims | wrong))


@pytest.mark.parametrize(
    "subject",
    [
        7,
        "0",
        "-1",
        "+1",
        "01",
        "1.0",
        "1_0",
        " 7",
        "7 ",
        "7\n",
        "",
        "x",
        "٣",
        None,
        str(MAX_ID + 1),
        "9" * 5000,
    ],
    ids=lambda subject: ascii(subject)[:20],
)
async def test_a_subject_that_is_not_a_user_id_is_refused(tokens, sign, claims, subject):
    with pytest.raises(InvalidToken):
        await tokens.verify(sign(claims | {"sub": subject}))


async def test_the_largest_user_id_is_accepted(tokens, sign, claims):
    assert (await tokens.verify(sign(claims | {"sub": str(MAX_ID)}))).actor.user_id == MAX_ID


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": ""},
        {"alg": None},
        {"alg": ["HS256"]},
        {"alg": "HS512"},
        {"alg": "RS512"},
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": None},
        {"crit": ["b64"], "b64": True},
        {"b64": False},
        {"kid": 1},
    ],
    ids=str,
)
async def test_a_token_with_an_invalid_header_is_refused(tokens, sign, claims, header):
    with pytest.raises(InvalidToken):
        await tokens.verify(sign(claims, **header))


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"7", b"\xff", b"{", b"[" * 4000, b'{"a":' * 800])
async def test_a_payload_that_is_not_an_object_is_refused(tokens, algorithm, payload):
    with pytest.raises(InvalidToken):
        await tokens.verify(signed(algorithm, payload, {}))


@pytest.mark.parametrize(
    "header",
    [b"[" * 100_000, b"[" * 5000, b'{"alg":"HS256","x":' + b"[" * 5000, b"null", b"\xff", b"", b"{}"],
    ids=["100,000 [", "5,000 [", "deep", "null", "no UTF-8", "empty", "no alg"],
)  # fmt: skip
async def test_an_unreadable_header_is_refused(tokens, header):
    with pytest.raises(InvalidToken):
        await tokens.verify(f"{encoded(header)}.e30.AAAA")


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "...", "x" * 8193, "한국어", "\ud800", "\0", "e30.e30", "Bearer x"],
    ids=lambda token: ascii(token)[:20],
)  # fmt: skip
async def test_a_malformed_token_is_refused(tokens, token):
    with pytest.raises(InvalidToken):
        await tokens.verify(token)


async def test_a_token_of_more_than_eight_kilobytes_is_refused(tokens, sign, claims):
    with pytest.raises(InvalidToken):
        await tokens.verify(sign(claims | {"padding": "x" * 9000}))
    assert await tokens.verify(sign(claims | {"padding": "x" * 5000}))


async def test_an_unsigned_token_is_refused(tokens, claims):
    header = encoded(b'{"alg":"none","typ":"JWT"}')
    for signature in ("", "AAAA"):
        with pytest.raises(InvalidToken):
            await tokens.verify(f"{header}.{encoded(json.dumps(claims).encode())}.{signature}")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"], indirect=True)
@pytest.mark.parametrize("form", ["PEM", "DER", "JWK", "modulus"])
async def test_a_public_key_is_not_accepted_as_a_secret(tokens, algorithm, claims, form):
    public = SIGNERS[algorithm].public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    keys = {
        "PEM": public.public_bytes(serialization.Encoding.PEM, spki),
        "DER": public.public_bytes(serialization.Encoding.DER, spki),
        "JWK": json.dumps(next(key for key in public_key_set()["keys"] if key["kid"] == algorithm)).encode(),
        "modulus": public_key_set()["keys"][0]["n"].encode(),
    }
    header = encoded(json.dumps({"alg": "HS256", "typ": "JWT", "kid": algorithm}).encode())
    signing_input = f"{header}.{encoded(json.dumps(claims).encode())}"
    signature = hmac.digest(keys[form], signing_input.encode(), sha256)
    with pytest.raises(InvalidToken):
        await tokens.verify(f"{signing_input}.{encoded(signature)}")


async def test_a_token_signed_by_another_key_is_refused(tokens, algorithm, claims):
    others = {
        "HS256": b"another secret of thirty-two bytes, or more",
        "RS256": rsa.generate_private_key(65537, 2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    }
    with pytest.raises(InvalidToken):
        await tokens.verify(signed(algorithm, json.dumps(claims).encode(), {}, others[algorithm]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(data=st.data())
async def test_a_token_with_one_character_changed_is_refused(tokens, sign, claims, data):
    token = sign(claims)
    await tokens.verify(token)
    at = data.draw(st.integers(0, len(token) - 1))
    changed = token[:at] + data.draw(st.characters(max_codepoint=255)) + token[at + 1 :]
    assume(changed != token)
    with pytest.raises(InvalidToken):
        await tokens.verify(changed)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(token=st.one_of(st.text(), st.from_regex(r"[\w-]{1,40}\.[\w-]{1,40}\.[\w-]{0,40}", fullmatch=True)))
async def test_arbitrary_text_is_refused_as_a_token(tokens, token):
    with pytest.raises(InvalidToken):
        await tokens.verify(token)


async def test_any_issuer_is_accepted_if_none_is_configured(clock, source, sign, claims):
    tokens = JwtTokens(clock=clock, audience=AUDIENCE, **source)
    assert await tokens.verify(sign(claims))
    assert await tokens.verify(sign(without(claims, "iss")))


async def test_a_token_for_an_audience_is_refused_if_none_is_configured(clock, source, sign, claims):
    tokens = JwtTokens(clock=clock, issuer=ISSUER, **source)
    assert await tokens.verify(sign(without(claims, "aud")))
    with pytest.raises(InvalidToken):
        await tokens.verify(sign(claims))
