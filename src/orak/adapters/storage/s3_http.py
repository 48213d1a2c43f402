"""Requests to the store by signed URLs, with the TLS and proxy settings of the AWS tools."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Self

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from botocore.httpsession import ProxyConfiguration, get_cert_path
from botocore.session import Session
from botocore.utils import get_environ_proxies
from yarl import URL

_TIMEOUT = ClientTimeout(total=None, sock_connect=2, sock_read=10)
"""Seconds, as for the calls by botocore."""

_MAX_CONNECTIONS = 50


class SignedUrlClient:
    """A pool of connections to the host of one bucket."""

    def __init__(self, session: ClientSession, proxy: str | None) -> None:
        self._session = session
        self._proxy = proxy

    @classmethod
    @asynccontextmanager
    async def open(cls, bucket_url: str) -> AsyncIterator[Self]:
        """Open the pool; the first connection is made by the first request."""
        tls = await asyncio.to_thread(_tls) if bucket_url.startswith("https:") else False
        async with ClientSession(
            connector=TCPConnector(limit=_MAX_CONNECTIONS, ssl=tls),
            timeout=_TIMEOUT,
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            # aiohttp asks for gzip by default, and an answer that is compressed on its way has no
            # Content-Length, or a weak ETag.
            headers={"Accept-Encoding": "identity"},
        ) as session:
            proxies = ProxyConfiguration(get_environ_proxies(bucket_url))
            yield cls(session, proxies.proxy_url_for(bucket_url))

    async def head(self, url: str) -> tuple[int, Mapping[str, str]]:
        """Return status and headers of the answer, whose names may be looked up in any case.

        Redirects are not followed: the signature covers the host.

        Raise `aiohttp.ClientError` or `OSError` if the store does not answer.
        """
        async with self._session.head(
            URL(url, encoded=True), allow_redirects=False, proxy=self._proxy
        ) as answer:
            return answer.status, answer.headers


def _tls() -> ssl.SSLContext:
    """Trust what botocore trusts: the store's certificate may be of a private authority."""
    bundle = Session().get_config_variable("ca_bundle")  # AWS_CA_BUNDLE, or the profile's
    return ssl.create_default_context(cafile=get_cert_path(bundle or True))
