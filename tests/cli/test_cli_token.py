import asyncio
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from orak.adapters.auth.jwt import JwtTokens
from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.clock.system import SystemClock
from orak.application.ports.tokens import InvalidToken
from orak.domain.actor import Actor
from orak.domain.identity import UserId
from orak.entrypoints.cli.options import load_settings
from orak.entrypoints.cli.tokens import demo_secret

SECRET = "s" * 32


def verified(token, secret, clock=None, **parties):
    tokens = JwtTokens(clock=clock or SystemClock(), secret=secret, **parties)
    return asyncio.run(tokens.verify(token.strip())).actor


def test_a_token_has_the_requested_user_and_scopes(orak):
    made = orak("token", "--user", "7", "--scope", "admin", "--scope", "other", env={"JWT_SECRET": SECRET})
    assert made.exit_code == 0
    assert verified(made.stdout, SECRET) == Actor(UserId(7), frozenset({"admin", "other"}))


def test_a_token_is_for_user_1_by_default(orak):
    assert verified(orak("token", env={"JWT_SECRET": SECRET}).stdout, SECRET) == Actor(UserId(1))


def test_a_token_names_the_configured_issuer_and_audience(orak):
    parties = {"issuer": "https://id.example", "audience": "orak"}
    env = {"JWT_SECRET": SECRET, "JWT_ISSUER": parties["issuer"], "JWT_AUDIENCE": parties["audience"]}
    assert verified(orak("token", env=env).stdout, SECRET, **parties).user_id == 1


def test_a_token_expires_after_its_days(orak):
    made = orak("token", "--days", "1", env={"JWT_SECRET": SECRET}).stdout
    clock = FrozenClock(SystemClock().now())
    assert verified(made, SECRET, clock)
    clock.advance(timedelta(days=1))
    with pytest.raises(InvalidToken):
        verified(made, SECRET, clock)


def test_without_a_secret_the_demos_key_signs(orak):
    secret = demo_secret(load_settings().settings)
    made = orak("token")
    assert verified(made.stdout, secret).user_id == 1
    assert stat.S_IMODE(Path("orak-data/jwt.key").stat().st_mode) == 0o600


def test_token_without_any_key_fails_and_creates_nothing(orak):
    refused = orak("token")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: no key to sign with")
    assert not Path("orak-data").exists()


def test_a_short_secret_is_a_warning(orak):
    made = orak("token", env={"JWT_SECRET": "short"})
    assert made.exit_code == 0
    assert made.stderr.startswith("warning: JWT_SECRET is short")
