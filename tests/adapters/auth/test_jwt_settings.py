"""The settings of JwtTokens, and the tokens of `issue_token`."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from orak.adapters.auth import jwt as jwt_tokens
from orak.adapters.auth.issuing import issue_token
from orak.adapters.auth.jwt import JwtTokens
from orak.adapters.clock.frozen import FrozenClock
from orak.application.ports.tokens import InvalidToken
from orak.domain.actor import Actor
from orak.domain.identity import UserId

SECRET = "a secret of at least thirty-two bytes"
HOUR = timedelta(hours=1)


@pytest.fixture
def clock():
    return FrozenClock()


def a_public_pem() -> str:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(serialization.Encoding.PEM, form).decode()


@pytest.mark.parametrize(
    "unsafe",
    [
        {},
        {"secret": SECRET, "jwks_url": "https://issuer.test/jwks.json"},
        {"secret": ""},
        {"secret": a_public_pem()},
        {"secret": SECRET, "algorithms": ["none"]},
        {"secret": SECRET, "algorithms": ["HS256", "RS256"]},
        {"jwks_url": "jwks.json", "algorithms": ["HS256"]},
        {"jwks_url": "jwks.json", "algorithms": ["RS256", "none"]},
    ],
    ids=lambda unsafe: ", ".join(unsafe) or "nothing",
)
def test_unsafe_settings_are_refused(clock, unsafe):
    with pytest.raises(ValueError, match=r"."):
        JwtTokens(clock=clock, **unsafe)


@pytest.mark.parametrize("scopes", [set(), {"admin"}, {"read", "admin"}])
async def test_an_issued_token_is_accepted_until_it_expires(clock, scopes):
    tokens = JwtTokens(clock=clock, secret=SECRET)
    token = issue_token(SECRET, UserId(7), scopes, HOUR, clock.now())
    assert (await tokens.verify(token)).actor == Actor(UserId(7), frozenset(scopes))
    clock.advance(HOUR)
    with pytest.raises(InvalidToken):
        await tokens.verify(token)


async def test_a_token_can_name_an_issuer_and_an_audience(clock):
    tokens = JwtTokens(clock=clock, secret=SECRET, issuer="i", audience="a")
    named = issue_token(SECRET, UserId(7), (), HOUR, clock.now(), issuer="i", audience="a")
    assert await tokens.verify(named)
    with pytest.raises(InvalidToken):
        await tokens.verify(issue_token(SECRET, UserId(7), (), HOUR, clock.now(), issuer="i"))


async def test_the_token_cache_is_bounded(clock, monkeypatch):
    monkeypatch.setattr(jwt_tokens, "_MAX_CACHED_TOKENS", 3)
    tokens = JwtTokens(clock=clock, secret=SECRET)
    issued = [issue_token(SECRET, UserId(user), (), HOUR, clock.now()) for user in range(1, 8)]
    for token in issued:
        await tokens.verify(token)
    assert list(tokens._verified) == issued[-3:]
    assert [(await tokens.verify(token)).actor.user_id for token in issued] == list(range(1, 8))


async def test_a_rejected_token_is_not_cached(clock):
    tokens = JwtTokens(clock=clock, secret=SECRET)
    with pytest.raises(InvalidToken):
        await tokens.verify(issue_token(SECRET, UserId(7), (), -HOUR, clock.now()))
    assert not tokens._verified
