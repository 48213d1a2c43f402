"""Public keys from a URL or a file, which the issuer may change at any time."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import jwt

from orak.adapters.auth.keys import PublicKeys, public_algorithms
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable

_log = logging.getLogger(__name__)

MIN_FETCH_INTERVAL = timedelta(seconds=10)
"""Least time between two fetches, so that tokens with made-up key ids cannot flood the issuer."""

MAX_AGE = timedelta(minutes=10)
"""Older keys are fetched again, so that orak notices a withdrawn key."""

_FETCH_TIMEOUT_SECONDS = 5

FETCH_ERRORS = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError)
"""The errors that fetching keys can raise."""


class JwksKeys:
    """The keys of a JWK Set, fetched when needed.

    They are fetched on first use, for an unknown key id, and when they are too old.

    If a fetch fails, the present keys stay in use.
    """

    def __init__(self, url: str, algorithms: Sequence[str], clock: Clock) -> None:
        self._url = url
        self._algorithms = public_algorithms(algorithms)
        self._clock = clock
        self._keys: PublicKeys | None = None
        self._old_at: datetime | None = None
        self._next_attempt: datetime | None = None
        self._failed = False
        self._fetching = asyncio.Lock()

    async def candidates(self, algorithm: str, key_id: str | None) -> Sequence[jwt.PyJWK]:
        """Return the keys that may have signed a token.

        Raise `Unavailable` if no key matches and the last fetch failed: the token's key may be a new one.
        """
        if algorithm not in self._algorithms:
            return []
        found = self._find(algorithm, key_id)
        if not found or self._are_old():
            await self._fetch_again()
            found = self._find(algorithm, key_id)
        if not found and self._failed:
            raise Unavailable("the JWK Set cannot be fetched")
        return found

    def _find(self, algorithm: str, key_id: str | None) -> list[jwt.PyJWK]:
        return self._keys.find(algorithm, key_id) if self._keys else []

    def _are_old(self) -> bool:
        return self._old_at is None or self._clock.now() >= self._old_at

    async def _fetch_again(self) -> None:
        """Fetch the keys unless the last fetch was too recent.

        Concurrent callers share one fetch.
        """
        async with self._fetching:
            now = self._clock.now()
            if self._next_attempt is not None and now < self._next_attempt:
                return
            self._next_attempt = now + MIN_FETCH_INTERVAL
            try:
                self._keys = await fetch_keys(self._url, self._algorithms)
            except FETCH_ERRORS as error:
                _log.warning(
                    "cannot fetch the JWK Set: %r",
                    error,
                    extra={"event": "outage", "part": "JWK Set", "reason": repr(error)},
                )
                self._failed = True
            else:
                self._old_at = now + MAX_AGE
                self._failed = False


async def fetch_keys(url: str, algorithms: frozenset[str]) -> PublicKeys:
    """Fetch the keys for *algorithms*. Raise one of `FETCH_ERRORS` if that fails."""
    return PublicKeys(await _fetch(url), algorithms)


def is_remote(url: str) -> bool:
    """Return whether the keys come over the network; otherwise *url* names a file."""
    return urlsplit(url).scheme in {"http", "https"}


async def _fetch(url: str) -> bytes:
    parts = urlsplit(url)
    if is_remote(url):
        tls = await asyncio.to_thread(httpx.create_ssl_context)  # reads all root certificates: 40 ms
        # Fetches are rare, so a new client each time avoids an idle connection.
        async with asyncio.timeout(_FETCH_TIMEOUT_SECONDS), httpx.AsyncClient(verify=tls) as client:
            return (await client.get(url)).raise_for_status().content
    path = Path(unquote(parts.path)) if parts.scheme == "file" else Path(url)
    return await asyncio.to_thread(path.read_bytes)
