import asyncio
import socket
from contextlib import AsyncExitStack
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from types import TracebackType
from typing import TYPE_CHECKING, Self

from orak.adapters.webhooks.requests import webhook_request
from orak.application.ports.poster import ForbiddenAddress, Posted
from orak.domain.events import LoggedEvent
from orak.domain.webhooks import Endpoint

if TYPE_CHECKING:
    import httpx

_CONNECT_SECONDS, _TOTAL_SECONDS = 5.0, 15.0
_MAX_READ_BYTES = 64 * 1024
_KEPT_BYTES = 1024

_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: a gateway forwards such packets to the IPv4 address in the last four bytes."""

_NOT_PUBLIC = (IPv4Network("192.88.99.0/24"), IPv6Network("2002::/16"), IPv6Network("2001::/32"))
"""Relays to IPv4 (RFC 7526, RFC 3056, RFC 4380): their destination cannot be checked."""

_UNICAST = IPv6Network("2000::/3")
"""All IPv6 unicast space that IANA allocates from; excludes, for example, site-local (RFC 3879)."""

_DOCUMENTATION = IPv6Network("3fff::/20")
"""RFC 9637; missing from the `ipaddress` module."""


class HttpPoster:
    """Sends webhook requests to public addresses only.

    It resolves the host name once per request, requires every address to be public, and connects to one of
    them. A name server that gives a different second answer (DNS rebinding) therefore has no effect.
    Certificates are verified against the host name. *agent* is the User-Agent header. *allow_private* permits
    every address, for development.
    """

    def __init__(self, agent: str, *, allow_private: bool = False) -> None:
        self._agent = agent
        self._allow_private = allow_private
        self._client: httpx.AsyncClient | None = None

    def _opened(self) -> "httpx.AsyncClient":
        """Return the client; open it when it is first needed."""
        import httpx  # noqa: PLC0415 - it takes a tenth of a second, and most services send no webhooks

        if self._client is None:
            # A proxy from the environment would resolve the name again. Connections are not reused, because
            # the next request may be for another name at the same address.
            self._client = httpx.AsyncClient(
                trust_env=False,
                follow_redirects=False,
                limits=httpx.Limits(max_keepalive_connections=0),
                timeout=httpx.Timeout(_TOTAL_SECONDS, connect=_CONNECT_SECONDS),
            )
        return self._client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def check(self, url: str) -> None:
        """Raise `ForbiddenAddress` if the URL has no public address.

        Raise it too if the name cannot be resolved.
        """
        import httpx  # noqa: PLC0415 - as above

        await self._address(httpx.URL(url))

    async def post(self, endpoint: Endpoint, logged: LoggedEvent, *, at: datetime) -> Posted:
        """Post the event, signed with the secrets that are valid *at* that time."""
        headers, body = webhook_request(endpoint, logged, at=at, agent=self._agent)
        return await self.send(endpoint.url, headers, body)

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> Posted:
        """Post *body*; return the answer, or the reason for no answer.

        Redirects are not followed.
        """
        import httpx  # noqa: PLC0415 - as above

        client = self._opened()
        try:
            async with asyncio.timeout(_TOTAL_SECONDS), AsyncExitStack() as stack:
                target = httpx.URL(url)
                address = await self._address(target)
                request = client.build_request(
                    "POST",
                    target.copy_with(host=address),
                    headers=headers | {"Host": target.netloc.decode("ascii")},
                    content=body,
                    extensions={"sni_hostname": target.host},
                )
                response = await client.send(request, stream=True)
                stack.push_async_callback(response.aclose)
                retry_after = response.headers.get("Retry-After")
                return Posted(response.status_code, await _first_bytes(response), retry_after)
        except ForbiddenAddress as error:
            return Posted(None, str(error))
        except TimeoutError:
            return Posted(None, f"no answer within {_TOTAL_SECONDS:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Posted(None, f"{type(error).__name__}: {error}"[:_KEPT_BYTES])

    async def _address(self, url: "httpx.URL") -> str:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise ForbiddenAddress(f"the host name cannot be resolved: {error}") from error
        addresses = [str(answer[4][0]).partition("%")[0] for answer in found]
        if not self._allow_private:
            for address in addresses:
                if not is_public(address):
                    raise ForbiddenAddress("the host name resolves to an address that is not public")
        return addresses[0]


def is_public(text: str) -> bool:
    """Return whether an address is public.

    IANA's special-purpose address registries decide.
    """
    address: IPv4Address | IPv6Address = ip_address(text)
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address in _NAT64:
            address = IPv4Address(address.packed[-4:])
        elif address not in _UNICAST or address in _DOCUMENTATION:
            return False
    relayed = any(address in network for network in _NOT_PUBLIC if network.version == address.version)
    return address.is_global and not address.is_multicast and not address.is_reserved and not relayed


async def _first_bytes(response: "httpx.Response") -> str:
    read = b""
    async for chunk in response.aiter_raw():
        read += chunk
        if len(read) > _MAX_READ_BYTES:
            break
    return read[:_KEPT_BYTES].decode("utf-8", "replace").replace("\0", "")
