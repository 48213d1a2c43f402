"""The URL of a Redis behind Sentinel: `redis+sentinel://[user:password@]host:port,host:port/service/database`."""

from collections.abc import Sequence
from typing import Self
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import msgspec

_SCHEMES = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}

_PORT = 26379

_OF_SENTINELS = {"sentinel_username": "username", "sentinel_password": "password"}


class SentinelUrl(msgspec.Struct, frozen=True):
    """A parsed URL. User and password are those of Redis."""

    sentinels: Sequence[tuple[str, int]]
    service: str
    redis: str
    """The URL of the Redis server, whose address Sentinel knows."""
    credentials: dict[str, str]
    """Username and password of the sentinels, from `sentinel_username` and `sentinel_password`."""

    @classmethod
    def parse(cls, url: str) -> Self | None:
        """Parse *url*; return None for another scheme. Raise `ValueError` for a URL that cannot be used."""
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES:
            return None
        user, at, hosts = parts.netloc.rpartition("@")
        service, _, database = parts.path.strip("/").partition("/")
        if not service or not hosts or (database and not database.isdecimal()):
            raise ValueError("a Sentinel URL is redis+sentinel://host:26379,host:26379/service/0")
        query = dict(parse_qsl(parts.query))
        credentials = {name: query.pop(key) for key, name in _OF_SENTINELS.items() if key in query}
        rest = f"?{urlencode(query)}" if query else ""
        return cls(
            sentinels=[_address(host) for host in hosts.split(",")],
            service=unquote(service),
            redis=f"{_SCHEMES[parts.scheme]}://{user}{at}sentinel/{database or 0}{rest}",
            credentials=credentials,
        )


def _address(host: str) -> tuple[str, int]:
    name, colon, port = host.rpartition(":")
    if not colon or name.count("[") > name.count("]") or (":" in name and not name.endswith("]")):
        name, port = host, str(_PORT)
    if not name or not 0 < int(port) < 2**16:
        raise ValueError(f"{host!r} is not the address of a sentinel")
    return name.strip("[]"), int(port)
