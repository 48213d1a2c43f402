import asyncio
import socket
from contextlib import AsyncExitStack
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from types import TracebackType
from typing import Self

import httpx

from orak.application.ports.webhooks import ForbiddenAddress, Posted

_CONNECT_SECONDS, _WHOLE_SECONDS = 5.0, 15.0
_READ_MOST = 64 * 1024
_KEPT = 1024

_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: the last four bytes are an IPv4 address, which a gateway would take such packets to."""

_NOT_PUBLIC = (IPv4Network("192.88.99.0/24"), IPv6Network("2002::/16"), IPv6Network("2001::/32"))
"""Relays into IPv4 (RFC 7526, RFC 3056, RFC 4380): whom they lead to cannot be seen from here."""

_UNICAST = IPv6Network("2000::/3")
"""All that IANA has given out of IPv6; site-local addresses (RFC 3879) and the like are not in it."""

_DOCUMENTATION = IPv6Network("3fff::/20")
"""RFC 9637, which Python does not know yet."""


class HttpPoster:
    """Posts to addresses that were looked at first, and to no other.

    A name is resolved for each request, every address that it has must be public, and the connection goes to
    one of those: whoever answers names differently the second time gains nothing. Certificates are checked
    against the name. *allow_private* lets everything through: for development alone.
    """

    def __init__(self, *, allow_private: bool = False) -> None:
        self._allow_private = allow_private
        # No proxy of the environment's, which would resolve names again; no connection is kept, as the next
        # request may be for another name at the same address.
        self._client = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_keepalive_connections=0),
            timeout=httpx.Timeout(_WHOLE_SECONDS, connect=_CONNECT_SECONDS),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def check(self, url: str) -> None:
        """Raise `ForbiddenAddress` for a URL that may not be posted to, or whose name is unknown."""
        await self._address(httpx.URL(url))

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Posted:
        """Post *body*; whatever goes wrong is an answer too. Redirects are not followed."""
        try:
            async with asyncio.timeout(_WHOLE_SECONDS), AsyncExitStack() as stack:
                named = httpx.URL(url)
                address = await self._address(named)
                request = self._client.build_request(
                    "POST",
                    named.copy_with(host=address),
                    headers=headers | {"Host": named.netloc.decode("ascii")},
                    content=body,
                    extensions={"sni_hostname": named.host},
                )
                response = await self._client.send(request, stream=True)
                stack.push_async_callback(response.aclose)
                return Posted(response.status_code, await _beginning(response))
        except ForbiddenAddress as refused:
            return Posted(None, str(refused))
        except TimeoutError:
            return Posted(None, f"no answer within {_WHOLE_SECONDS:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Posted(None, f"{type(error).__name__}: {error}"[:_KEPT])

    async def _address(self, url: httpx.URL) -> str:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise ForbiddenAddress(f"the name cannot be resolved: {error}") from error
        addresses = [str(answer[4][0]).partition("%")[0] for answer in found]
        if not self._allow_private:
            for address in addresses:
                if not is_public(address):
                    raise ForbiddenAddress("the URL leads to an address that is not public")
        return addresses[0]


def is_public(text: str) -> bool:
    """Whether an address is the Internet's, and of nobody's own network (IANA's special registries)."""
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


async def _beginning(response: httpx.Response) -> str:
    read = b""
    async for chunk in response.aiter_raw():
        read += chunk
        if len(read) > _READ_MOST:
            break
    return read[:_KEPT].decode("utf-8", "replace").replace("\0", "")
