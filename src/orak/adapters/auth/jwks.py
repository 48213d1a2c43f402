"""Public keys from a URL or a file that their owner may change at any time."""

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

PAUSE = timedelta(seconds=10)
"""No two attempts at fetching are closer: made-up key ids shall not make orak knock on the issuer's door."""

MAX_AGE = timedelta(minutes=10)
"""Keys older than this are fetched again, so that one that was withdrawn is noticed."""

_PATIENCE = 5  # seconds


FETCH_ERRORS = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError)
"""What fetching keys can end in."""


class JwksKeys:
    """Keys that are fetched when first needed, when a token names an unknown one, and when they are old.

    If fetching fails, the keys there are stay good.
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
        """Return the keys that may have signed.

        Raise `Unavailable` if none fits and the last attempt at fetching failed: the key may be a new one.
        """
        if algorithm not in self._algorithms:
            return []
        found = self._find(algorithm, key_id)
        if not found or self._are_old():
            await self._fetch_again()
            found = self._find(algorithm, key_id)
        if not found and self._failed:
            raise Unavailable("the keys of tokens cannot be had")
        return found

    def _find(self, algorithm: str, key_id: str | None) -> list[jwt.PyJWK]:
        return self._keys.find(algorithm, key_id) if self._keys else []

    def _are_old(self) -> bool:
        return self._old_at is None or self._clock.now() >= self._old_at

    async def _fetch_again(self) -> None:
        """Fetch, unless that was tried a moment ago; those who come meanwhile wait for the same answer."""
        async with self._fetching:
            now = self._clock.now()
            if self._next_attempt is not None and now < self._next_attempt:
                return
            self._next_attempt = now + PAUSE
            try:
                self._keys = await fetch_keys(self._url, self._algorithms)
            except FETCH_ERRORS as error:
                _log.warning("the keys of tokens could not be fetched: %r", error)
                self._failed = True
            else:
                self._old_at = now + MAX_AGE
                self._failed = False


async def fetch_keys(url: str, algorithms: frozenset[str]) -> PublicKeys:
    """Fetch the keys for these algorithms. Raise one of `FETCH_ERRORS` if that cannot be done."""
    return PublicKeys(await _fetch(url), algorithms)


def is_remote(url: str) -> bool:
    """Whether the keys come over the network; else *url* names a file."""
    return urlsplit(url).scheme in {"http", "https"}


async def _fetch(url: str) -> bytes:
    parts = urlsplit(url)
    if is_remote(url):
        tls = await asyncio.to_thread(httpx.create_ssl_context)  # reads all roots: 40 ms
        # Fetching is rare: a client of its own leaves no connection behind.
        async with asyncio.timeout(_PATIENCE), httpx.AsyncClient(verify=tls) as client:
            return (await client.get(url)).raise_for_status().content
    path = Path(unquote(parts.path)) if parts.scheme == "file" else Path(url)
    return await asyncio.to_thread(path.read_bytes)
