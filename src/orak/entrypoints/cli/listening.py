"""Sockets to listen on."""

import errno
import socket

from orak.entrypoints.cli.failures import Failure

_REASONS = {
    errno.EADDRINUSE: (
        "is in use",
        "choose another with --port; `orak doctor --host {host} --port {port}` says who has it",
    ),
    errno.EACCES: ("may not be opened by this user", "choose one from 1024 with --port"),
    errno.EADDRNOTAVAIL: ("is not of this machine", "choose another address with --host"),
}


class PortTaken(Failure):
    """Somebody listens there already."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; port 0 is any free one. Raise `Failure` saying why not."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise Failure(f"{host!r} is no address: {error.strerror}", "choose another with --host") from None
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        # At once: until one of them listens, two processes may be bound to the same port (socket(7)).
        listener.listen()
    except OSError as error:
        listener.close()
        problem, hint = _REASONS.get(error.errno or 0, (f"cannot be opened: {error.strerror}", None))
        kind_of = PortTaken if error.errno == errno.EADDRINUSE else Failure
        raise kind_of(f"{host}:{port} {problem}", hint and hint.format(host=host, port=port)) from None
    return listener
