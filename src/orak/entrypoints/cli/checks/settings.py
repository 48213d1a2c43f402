"""The settings: where they come from, and whether tokens can be verified with them."""

from collections import Counter

from orak.entrypoints.cli.errors import CommandError
from orak.entrypoints.cli.finding import Finding
from orak.entrypoints.cli.tokens import MIN_SECRET_BYTES, check_keys, check_tokens
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.sources import LoadedSettings
from orak.entrypoints.settings.values import Settings
from orak.entrypoints.telemetry.opening import check_telemetry


def check_settings(loaded: LoadedSettings) -> Finding:
    """Count the settings by their source."""
    sources = Counter(_source(origin) for origin in loaded.origins.values())
    told = [f"{sources[name]} {words}" for name, words in _SOURCES.items() if sources[name]]
    told.append(f"{sources['default']} by default")
    return Finding("settings", "ok", f"{', '.join(told)}; `orak config` shows them")


_SOURCES = {"flag": "by flags", "environment": "from the environment", "file": "from .env"}


def _source(origin: str) -> str:
    if origin in {"flag", "default"}:
        return origin
    return "file" if origin.endswith(" in .env") else "environment"


def check_telemetry_settings() -> list[Finding]:
    """Check that what the variables of OpenTelemetry ask for is installed; nothing is sent."""
    try:
        asked = check_telemetry()
    except InvalidSetting as invalid:
        return [Finding("telemetry", "fail", str(invalid), invalid.hint)]
    if asked is None:
        return []
    return [Finding("telemetry", "ok", f"exported to {asked.exporter}, as {asked.variable} asks for")]


def check_token_settings(settings: Settings) -> Finding:
    """Check that tokens can be verified, and fetch the keys of JWKS_URL."""
    if settings.jwt_secret is None and settings.jwks_url is None:
        return Finding(
            "tokens",
            "warn",
            "neither JWT_SECRET nor JWKS_URL is set: `serve` will not start",
            "export JWT_SECRET=$(openssl rand -hex 32); `orak demo` does not need it",
        )
    try:
        check_tokens(settings)
        if settings.jwks_url is not None:
            check_keys(settings.jwks_url, settings.jwt_algorithms)
    except CommandError as error:
        return Finding("tokens", "fail", error.message, error.hint)
    if settings.jwt_secret is None:
        return Finding("tokens", "ok", f"verified with the keys of {settings.jwks_url}")
    if len(settings.jwt_secret.encode()) < MIN_SECRET_BYTES:
        return Finding(
            "tokens",
            "warn",
            f"JWT_SECRET is shorter than {MIN_SECRET_BYTES} bytes and can be guessed",
            "make a new one with `openssl rand -hex 32`",
        )
    return Finding("tokens", "ok", "verified with JWT_SECRET")
