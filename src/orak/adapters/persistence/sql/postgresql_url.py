"""What a libpq URL says: the servers, which of them will do, and how to connect to them.

Its parameters: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
"""

import os
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import msgspec

Pooler = Literal["auto", "session", "transaction"]
"""How a pooler in front of PostgreSQL works: a client has one session, or another one in each transaction."""

_ANY, _PRIMARY, _READ_WRITE = "any", "primary", "read-write"

_DRIVERS = frozenset(
    {
        "database",
        "dbname",
        "gsslib",
        "krbsrvname",
        "passfile",
        "password",
        "service",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslpassword",
        "sslrootcert",
        "user",
    }
)
"""Parameters that asyncpg reads."""

_READ_HERE = frozenset({"connect_timeout", "host", "hostaddr", "port", "target_session_attrs"})

_ONLY_LIBPQ = frozenset(
    {
        "channel_binding",
        "client_encoding",
        "fallback_application_name",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "require_auth",
        "requirepeer",
        "sslcompression",
        "sslsni",
        "tcp_user_timeout",
    }
)
"""Parameters that neither asyncpg nor orak knows; they are ignored."""

_SYSTEM = "system"
"""The value of `sslrootcert` that means the certificate authorities of the system, not a file."""


class PostgresqlServer(msgspec.Struct, frozen=True):
    """One server of a URL. Without an *address*, the environment and the driver's defaults name it."""

    address: str | None = None
    """A host name, an IP address, or the folder of a Unix socket."""
    port: int | None = None
    name: str | None = None
    """The name in the server's certificate, if it is not the address."""

    def __str__(self) -> str:
        """Return the server as error messages name it."""
        shown = self.name or self.address or "the server"
        return shown if self.port is None else f"{shown}:{self.port}"


class PostgresqlUrl(msgspec.Struct, frozen=True):
    """A parsed URL. Parameters that libpq alone knows are left out."""

    dsn: str
    """The user, the database and the parameters that asyncpg reads."""
    servers: Sequence[PostgresqlServer]
    settings: Mapping[str, str]
    """Settings of the session, such as `statement_timeout`."""
    connect_timeout: float | None
    """Seconds to connect to one server in; None if the URL does not say."""
    target: str
    """Which servers will do: `read-write` (the default), `primary` or `any`."""
    tls: Mapping[str, str]

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse *url*. Raise `ValueError` for one that cannot be used."""
        parts = urlsplit(url)
        parameters = dict(parse_qsl(parts.query))
        user, at, _ = parts.netloc.rpartition("@")
        known = {name: value for name, value in parameters.items() if name in _DRIVERS}
        timeout = parameters.get("connect_timeout", "")
        unsettable = _DRIVERS | _READ_HERE | _ONLY_LIBPQ
        return cls(
            dsn=parts._replace(netloc=user + at, query=urlencode(known)).geturl(),
            servers=_servers(parts.netloc, parameters),
            settings={name: value for name, value in parameters.items() if name not in unsettable},
            # In libpq, 0 means no limit.
            connect_timeout=float(timeout) if timeout.isdecimal() and int(timeout) else None,
            target=_target(parameters),
            tls={name: value for name, value in parameters.items() if name.startswith("ssl")},
        )

    def accepts(self, *, standby: bool, read_only: bool) -> bool:
        """Whether a server will do: a *standby*, or one whose transactions are *read_only*."""
        return {_ANY: True, _PRIMARY: not standby, _READ_WRITE: not read_only}[self.target]

    def trust(self, server: PostgresqlServer) -> ssl.SSLContext | None:
        """Return the TLS settings for *server* where asyncpg's own would be wrong, else None.

        asyncpg reads `sslrootcert=system` as a file name, and expects a certificate for the address.
        """
        from_system = self.tls.get("sslrootcert") == _SYSTEM
        verifies_name = from_system or self.tls.get("sslmode") == "verify-full"
        if not (from_system or (verifies_name and server.name)):
            return None
        context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
        context.name = server.name
        if from_system:
            context.load_default_certs()
        else:
            context.load_verify_locations(self.tls.get("sslrootcert") or _default_authorities())
        if "sslcrl" in self.tls:
            context.load_verify_locations(self.tls["sslcrl"])
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
        if "sslcert" in self.tls:
            key, password = self.tls.get("sslkey"), self.tls.get("sslpassword", "")
            context.load_cert_chain(self.tls["sslcert"], key, password)
        return context

    def unreadable(self) -> str | None:
        """Name a TLS file that cannot be read: the TLS library does not."""
        for name in ("sslrootcert", "sslcert", "sslkey", "sslcrl"):
            file = self.tls.get(name, _SYSTEM)
            if file != _SYSTEM and not os.access(file, os.R_OK):
                return f"{name} is {file}, which cannot be read"
        return None


class _NamedContext(ssl.SSLContext):
    """TLS settings that verify a certificate for *name*, whatever address was connected to."""

    name: str | None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - the signature of `SSLContext`
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.name or server_hostname, session)


def _target(parameters: Mapping[str, str]) -> str:
    environment = os.environ.get("PGTARGETSESSIONATTRS", _READ_WRITE)
    target = parameters.get("target_session_attrs", environment)
    if target not in {_ANY, _PRIMARY, _READ_WRITE}:
        raise ValueError(f"target_session_attrs={target}: orak needs a server that takes writes")
    return target


def _servers(netloc: str, parameters: Mapping[str, str]) -> Sequence[PostgresqlServer]:
    """Return the servers in the order of the URL; as in libpq, the query wins over the authority."""
    names, ports = _authority(netloc.rpartition("@")[2])
    if "host" in parameters:
        names, ports = parameters["host"].split(","), []
    addresses = parameters.get("hostaddr", "").split(",") if "hostaddr" in parameters else names
    if not addresses:
        return [PostgresqlServer(port=int(parameters["port"]) if "port" in parameters else None)]
    ports = parameters["port"].split(",") if "port" in parameters else ports
    names = names or addresses
    ports = ports * len(addresses) if len(ports) == 1 else ports or [""] * len(addresses)
    if not len(names) == len(ports) == len(addresses):
        raise ValueError(
            f"{len(names)} of host, {len(addresses)} of hostaddr and {len(ports)} of port do not match"
        )
    return [
        PostgresqlServer(
            address or name, int(port) if port else None, name if address not in {"", name} else None
        )
        for address, port, name in zip(addresses, ports, names, strict=True)
    ]


def _authority(hosts: str) -> tuple[list[str], list[str]]:
    """Return names and ports of `host:port,host:port`; an IPv6 address is in brackets."""
    names, ports = [], []
    for host in hosts.split(",") if hosts else []:
        bare, _, port = host.rpartition(":") if host.rpartition("]")[2].count(":") else (host, "", "")
        names.append(unquote(bare).strip("[]"))
        ports.append(port)
    return names, ports


def _default_authorities() -> str:
    """Return the file in which libpq looks for certificate authorities if the URL names none."""
    file = Path.home() / ".postgresql" / "root.crt"
    if not file.is_file():
        raise ValueError(f"sslmode=verify-full needs sslrootcert, a file or `system`: there is no {file}")
    return str(file)
