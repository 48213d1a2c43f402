"""Access to a running orak: options, settings, and client errors as messages for people."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import rich_click as click

from orak.entrypoints.cli.errors import CommandError, SettingError

if TYPE_CHECKING:
    from orak.client import OrakApiError, OrakClient

F = TypeVar("F", bound=Callable[..., Any])

_DEFAULT_URL = "http://127.0.0.1:8000"


class RemoteSetting(NamedTuple):
    """A setting of the client commands, for `orak config`."""

    name: str
    value: str | None
    origin: str
    meaning: str

    @property
    def shown(self) -> str:
        """The value, masked if it is secret."""
        secret = self.name == "ORAK_TOKEN" and self.value
        return "********" if secret else self.value or ""


def remote_options(command: F) -> F:
    """Add `--url` and `--token`. They override ORAK_URL and ORAK_TOKEN, which override `.env`."""
    url = click.option("--url", metavar="URL", help=f"URL of orak (default: $ORAK_URL, or {_DEFAULT_URL}).")
    token = click.option(
        "--token",
        metavar="TOKEN",
        help="Token to authenticate with (default: $ORAK_TOKEN). Make one with `orak token`.",
    )
    return url(token(command))


def remote_settings() -> tuple[RemoteSetting, RemoteSetting]:
    """Return ORAK_URL and ORAK_TOKEN, from the environment or `.env`."""
    from dotenv import dotenv_values

    from_file = dotenv_values(".env")

    def setting(name: str, default: str | None, meaning: str) -> RemoteSetting:
        if value := os.environ.get(name):
            return RemoteSetting(name, value, name, meaning)
        if value := from_file.get(name):
            return RemoteSetting(name, value, f"{name} in .env", meaning)
        return RemoteSetting(name, default, "default", meaning)

    return (
        setting("ORAK_URL", _DEFAULT_URL, "URL that the client commands talk to"),
        setting("ORAK_TOKEN", None, "token that the client commands send"),
    )


@contextmanager
def orak_at(url: str | None, token: str | None) -> Iterator["OrakClient"]:
    """Open a client. Inside the block its errors become a `CommandError` with a hint."""
    from orak.client import OrakClient

    url_setting, token_setting = remote_settings()
    url, token = url or url_setting.value or _DEFAULT_URL, token or token_setting.value
    if not token:
        raise CommandError(
            "no token: neither --token nor ORAK_TOKEN is set",
            "export ORAK_TOKEN=$(orak token), or use --token",
        )
    try:
        client = OrakClient(url, token, language="en")
    except ValueError as error:
        raise SettingError(str(error), "check --url and ORAK_URL, --token and ORAK_TOKEN") from None
    with client_errors(url), client:
        yield client


@contextmanager
def client_errors(url: str) -> Iterator[None]:
    """Turn the errors of a client of *url* into a `CommandError` with a hint."""
    from orak.client import (
        OrakApiError,
        OrakClientError,
        StillProcessing,
        Unreachable,
        UnreadableAnswer,
        UnsupportedAudio,
    )

    try:
        yield
    except OrakApiError as error:
        raise CommandError(message_of(error), _hint(error)) from None
    except Unreachable as error:
        raise CommandError(
            f"no answer from {url}: {error}",
            "start orak with `orak serve`, or set another URL with --url or ORAK_URL",
        ) from None
    except UnreadableAnswer as error:
        raise CommandError(str(error), f"check that an orak server answers at {url}") from None
    except StillProcessing as error:
        hint = f"run `orak records get {error.record.id}` to see its progress"
        raise CommandError(str(error), hint) from None
    except (OrakClientError, UnsupportedAudio) as error:
        raise CommandError(str(error)) from None


def message_of(error: "OrakApiError") -> str:
    """Return the error's message and code, then each invalid field on a line."""
    fields = [f"{detail.field}: {detail.message}" for detail in error.details]
    return "\n".join([f"{error.message} ({error.code})", *fields])


def _hint(error: "OrakApiError") -> str | None:
    if error.status == 401:
        return "make a new token with `orak token`, with the server's JWT_SECRET"
    if error.code == "FORBIDDEN":
        return "make a token for operators with `orak token --scope admin`"
    if error.status >= 500 and error.request_id:
        return f"search the server's log for request {error.request_id}"
    return None
