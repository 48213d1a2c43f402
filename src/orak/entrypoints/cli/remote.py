"""Commands that talk to a running orak: where it is, who asks, and what its refusals mean to a person."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import rich_click as click

from orak.entrypoints.cli.failures import Failure, WrongSetting

if TYPE_CHECKING:
    from orak.client import OrakApiError, OrakClient

F = TypeVar("F", bound=Callable[..., Any])

_DEFAULT_URL = "http://127.0.0.1:8000"


class RemoteSetting(NamedTuple):
    """A setting of the client commands, as `orak config` shows it."""

    name: str
    value: str | None
    origin: str
    meaning: str

    @property
    def shown(self) -> str:
        """The value, if it may be seen."""
        secret = self.name == "ORAK_TOKEN" and self.value
        return "********" if secret else self.value or ""


def remote_options(command: F) -> F:
    """Add `--url` and `--token`, which beat ORAK_URL and ORAK_TOKEN, which beat those of `.env`."""
    url = click.option("--url", metavar="URL", help=f"Where orak is (default: $ORAK_URL, or {_DEFAULT_URL}).")
    token = click.option(
        "--token", metavar="TOKEN", help="Who asks (default: $ORAK_TOKEN). Make one with `orak token`."
    )
    return url(token(command))


def remote_settings() -> tuple[RemoteSetting, RemoteSetting]:
    """Find out where the client commands turn to, and as whom."""
    from dotenv import dotenv_values

    from_file = dotenv_values(".env")

    def found(name: str, default: str | None, meaning: str) -> RemoteSetting:
        if value := os.environ.get(name):
            return RemoteSetting(name, value, name, meaning)
        if value := from_file.get(name):
            return RemoteSetting(name, value, f"{name} in .env", meaning)
        return RemoteSetting(name, default, "default", meaning)

    return (
        found("ORAK_URL", _DEFAULT_URL, "URL that the client commands talk to"),
        found("ORAK_TOKEN", None, "token that the client commands send"),
    )


@contextmanager
def orak_at(url: str | None, token: str | None) -> Iterator["OrakClient"]:
    """Open a client; what it raises becomes a `Failure` that says what to do."""
    from orak.client import OrakClient

    url_setting, token_setting = remote_settings()
    url, token = url or url_setting.value or _DEFAULT_URL, token or token_setting.value
    if not token:
        raise Failure(
            "no token: orak would not know who asks", "export ORAK_TOKEN=$(orak token), or give --token"
        )
    try:
        client = OrakClient(url, token, language="en")
    except ValueError as error:
        raise WrongSetting(str(error), "see --url and ORAK_URL, --token and ORAK_TOKEN") from None
    with client_failures(url), client:
        yield client


@contextmanager
def client_failures(url: str) -> Iterator[None]:
    """Turn what a client of *url* raises into a `Failure` that says what to do."""
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
        raise Failure(said(error), _hint(error)) from None
    except Unreachable as error:
        raise Failure(
            f"nobody answers at {url}: {error}",
            "start one with `orak serve`, or name another with --url or ORAK_URL",
        ) from None
    except UnreadableAnswer as error:
        raise Failure(str(error), f"is {url} really orak's?") from None
    except StillProcessing as error:
        hint = f"`orak records get {error.record.id}` shows how far it is"
        raise Failure(str(error), hint) from None
    except (OrakClientError, UnsupportedAudio) as error:
        raise Failure(str(error)) from None


def said(error: "OrakApiError") -> str:
    """Return a refusal in words, each wrong field on a line."""
    wrong = [f"{detail.field}: {detail.message}" for detail in error.details]
    return "\n".join([f"{error.message} ({error.code})", *wrong])


def _hint(error: "OrakApiError") -> str | None:
    if error.status == 401:
        return "make a new token with `orak token`, by the server's own JWT_SECRET"
    if error.code == "FORBIDDEN":
        return "operators' tokens come from `orak token --scope admin`"
    if error.status >= 500 and error.request_id:
        return f"the server's log has more, under request {error.request_id}"
    return None
