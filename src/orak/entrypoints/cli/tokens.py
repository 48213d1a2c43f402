from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.failures import Failure, WrongSetting, warn
from orak.entrypoints.cli.options import command, data_dir_option, load_settings

if TYPE_CHECKING:
    from orak.entrypoints.settings.values import Settings

_DEMO_KEY = "jwt.key"

WEAK_SECRET = 32
"""A JWT_SECRET of fewer bytes is one: RFC 7518 §3.2 wants an HS256 key as long as the hash."""


@click.command()
@click.option(
    "--user",
    metavar="ID",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Whose token it is.",
)
@click.option("--scope", multiple=True, metavar="WORD", help="What it permits beyond a user's own; `admin`.")
@click.option(
    "--days",
    metavar="N",
    type=click.IntRange(1, 3650),
    default=30,
    show_default=True,
    help="How long it is good.",
)
@data_dir_option
def token(user: int, scope: tuple[str, ...], days: int, data_dir: Path | None) -> None:
    """Make a token that says who calls.

    It is signed with JWT_SECRET, or without one with the key that `orak demo` made. Whoever has it is that
    user: hand it out with care.
    """
    settings = load_settings(data_dir=data_dir).settings
    key = settings.data_dir / _DEMO_KEY
    if settings.jwt_secret is None and not key.exists():
        raise Failure(
            f"no JWT_SECRET to sign with, and no demo has made a key in {settings.data_dir}",
            f"export the JWT_SECRET of the server, or run {command('demo', data_dir)} first",
        )
    mention_weakness(settings.jwt_secret)
    click.echo(signed_token(settings, settings.jwt_secret or demo_secret(settings), user, scope, days))


def demo_secret(settings: "Settings") -> str:
    """Return the secret of the demo in this data folder; it is made when first asked for, and kept."""
    from orak.entrypoints.own_key import own_key

    return own_key(settings.data_dir / _DEMO_KEY).hex()


def signed_token(settings: "Settings", secret: str, user: int, scopes: tuple[str, ...], days: int) -> str:
    """Return a token that an orak with these settings accepts for so many days."""
    from datetime import UTC, datetime, timedelta

    from orak.adapters.auth.issuing import issue_token
    from orak.domain.identity import MAX_ID, UserId

    if user > MAX_ID:
        raise click.BadParameter(f"no user id is above {MAX_ID}", param_hint="--user")
    return issue_token(
        secret,
        UserId(user),
        scopes,
        timedelta(days=days),
        datetime.now(UTC),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
    )


def mention_weakness(secret: str | None) -> None:
    """Warn of a secret that is short enough to be guessed, once and in our own words."""
    import warnings

    from jwt.warnings import InsecureKeyLengthWarning

    if secret is not None and len(secret.encode()) < WEAK_SECRET:
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)
        warn("JWT_SECRET is short enough to be guessed; `openssl rand -hex 32` makes a good one")


def check_tokens(settings: "Settings") -> None:
    """Raise `WrongSetting` unless tokens can be verified with these settings; a file of keys is read."""
    from orak.adapters.auth.jwks import is_remote
    from orak.adapters.auth.jwt import JwtTokens
    from orak.adapters.clock.system import SystemClock

    if settings.jwt_secret is None and settings.jwks_url is None:
        raise WrongSetting(
            "neither JWT_SECRET nor JWKS_URL is set, so no caller could be known",
            "export JWT_SECRET=$(openssl rand -hex 32), or try `orak demo`, which makes a key of its own",
        )
    try:
        JwtTokens(
            clock=SystemClock(),
            secret=settings.jwt_secret,
            jwks_url=settings.jwks_url,
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            algorithms=settings.jwt_algorithms,
        )
    except ValueError as error:
        raise WrongSetting(
            f"tokens cannot be verified: {error}",
            "see JWT_SECRET, JWKS_URL and JWT_ALGORITHMS in `orak config`",
        ) from None
    if settings.jwks_url is not None and not is_remote(settings.jwks_url):
        check_keys(settings.jwks_url, settings.jwt_algorithms)


def check_keys(url: str, algorithms: tuple[str, ...]) -> None:
    """Raise `WrongSetting` unless there are keys at *url*, which may be a file."""
    import asyncio

    from orak.adapters.auth.jwks import FETCH_ERRORS, fetch_keys
    from orak.adapters.auth.keys import public_algorithms
    from orak.entrypoints.settings.sources import shown_value

    try:
        asyncio.run(fetch_keys(url, public_algorithms(algorithms)))
    except FETCH_ERRORS as error:
        strerror = error.strerror if isinstance(error, OSError) else None
        why = strerror or str(error) or type(error).__name__
        raise WrongSetting(
            f"no keys of tokens at JWKS_URL, {shown_value('jwks_url', url)}: {why}",
            "JWKS_URL is the URL or file of a JSON Web Key Set (RFC 7517)",
        ) from None
