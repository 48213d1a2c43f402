from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.errors import CommandError, SettingError, warn
from orak.entrypoints.cli.options import command, data_dir_option, load_settings

if TYPE_CHECKING:
    from orak.entrypoints.settings.values import Settings

_DEMO_KEY = "jwt.key"

MIN_SECRET_BYTES = 32
"""A shorter JWT_SECRET is weak: RFC 7518 §3.2 requires an HS256 key as long as the hash."""


@click.command()
@click.option(
    "--user",
    metavar="ID",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="User id of the token.",
)
@click.option(
    "--scope",
    multiple=True,
    metavar="WORD",
    help="Scope to grant; `admin` is for operators. May be repeated.",
)
@click.option(
    "--days",
    metavar="N",
    type=click.IntRange(1, 3650),
    default=30,
    show_default=True,
    help="Days until the token expires.",
)
@data_dir_option
def token(user: int, scope: tuple[str, ...], days: int, data_dir: Path | None) -> None:
    """Make an access token.

    It is signed with JWT_SECRET or, if that is not set, with the key that `orak demo` made. Anyone who has
    the token can act as its user, so keep it secret.
    """
    settings = load_settings(data_dir=data_dir).settings
    key = settings.data_dir / _DEMO_KEY
    if settings.jwt_secret is None and not key.exists():
        raise CommandError(
            f"no key to sign with: JWT_SECRET is not set, and `orak demo` made no key in {settings.data_dir}",
            f"set the JWT_SECRET of the server, or run {command('demo', data_dir)} first",
        )
    warn_of_weak_secret(settings.jwt_secret)
    click.echo(signed_token(settings, settings.jwt_secret or demo_secret(settings), user, scope, days))


def demo_secret(settings: "Settings") -> str:
    """Return the demo's secret in the data folder; the first call makes it."""
    from orak.entrypoints.data_dir import secret_key

    return secret_key(settings, _DEMO_KEY).hex()


def signed_token(settings: "Settings", secret: str, user: int, scopes: tuple[str, ...], days: int) -> str:
    """Return a token that orak accepts under these settings for *days* days."""
    from datetime import UTC, datetime, timedelta

    from orak.adapters.auth.issuing import issue_token
    from orak.domain.identity import MAX_ID, UserId

    if user > MAX_ID:
        raise click.BadParameter(f"the highest user id is {MAX_ID}", param_hint="--user")
    return issue_token(
        secret,
        UserId(user),
        scopes,
        timedelta(days=days),
        datetime.now(UTC),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
    )


def warn_of_weak_secret(secret: str | None) -> None:
    """Warn if the secret is short enough to be guessed; silence the warning of the JWT library."""
    import warnings

    from jwt.warnings import InsecureKeyLengthWarning

    if secret is not None and len(secret.encode()) < MIN_SECRET_BYTES:
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)
        warn(
            f"JWT_SECRET is shorter than {MIN_SECRET_BYTES} bytes and can be guessed: "
            "make a new one with `openssl rand -hex 32`"
        )


def check_tokens(settings: "Settings") -> None:
    """Raise `SettingError` unless tokens can be verified under these settings. Reads a file of keys."""
    from orak.adapters.auth.jwt import JwtTokens
    from orak.adapters.clock.system import SystemClock

    if settings.jwt_secret is None and settings.jwks_url is None:
        raise SettingError(
            "neither JWT_SECRET nor JWKS_URL is set, so no token can be verified",
            "export JWT_SECRET=$(openssl rand -hex 32), or run `orak demo`, which makes its own key",
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
        raise SettingError(
            f"tokens cannot be verified: {error}",
            "check JWT_SECRET, JWKS_URL and JWT_ALGORITHMS; `orak config` shows them",
        ) from None
    if settings.jwks_url is not None:
        from orak.adapters.auth.jwks import is_remote  # imports an HTTP client, which takes a while

        if not is_remote(settings.jwks_url):
            check_keys(settings.jwks_url, settings.jwt_algorithms)


def check_keys(url: str, algorithms: tuple[str, ...]) -> None:
    """Raise `SettingError` unless the URL or file *url* has keys for these algorithms."""
    import asyncio

    from orak.adapters.auth.jwks import FETCH_ERRORS, fetch_keys
    from orak.adapters.auth.keys import public_algorithms
    from orak.entrypoints.settings.sources import shown_value

    try:
        asyncio.run(fetch_keys(url, public_algorithms(algorithms)))
    except FETCH_ERRORS as error:
        strerror = error.strerror if isinstance(error, OSError) else None
        reason = strerror or str(error) or type(error).__name__
        raise SettingError(
            f"JWKS_URL, {shown_value('jwks_url', url)}, has no usable keys: {reason}",
            "set JWKS_URL to the URL or file of a JSON Web Key Set (RFC 7517)",
        ) from None
