"""The sockets that a server listens on."""

import errno
import socket

from orak.entrypoints.cli.errors import CommandError

_PROBLEMS = {
    errno.EADDRINUSE: (
        "is in use",
        "choose another port with --port; `orak doctor --host {host} --port {port}` tells whether it is orak",
    ),
    errno.EACCES: ("may not be opened by this user", "choose a port of 1024 or above with --port"),
    errno.EADDRNOTAVAIL: ("is not an address of this machine", "choose another address with --host"),
}


class PortInUse(CommandError):
    """Another socket already listens on the address."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on *host* and *port*; port 0 is any free one.

    Raises:
        PortInUse: another socket listens there.
        CommandError: the address cannot be used for another reason.
    """
    return listen_together(host, port, 1)[0]


def listen_together(host: str, port: int, count: int) -> list[socket.socket]:
    """Return *count* sockets that share the connections to *host* and *port* evenly.

    Raises:
        PortInUse: another socket listens there.
        CommandError: the address cannot be used for another reason.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise CommandError(
            f"{host!r} is not an address: {error.strerror}", "choose another with --host"
        ) from None
    listeners: list[socket.socket] = []
    try:
        for _ in range(count):
            listener = socket.socket(family, kind, protocol)
            listeners.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if listener is not listeners[0]:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind(address)
            if listener is listeners[0]:
                address = listener.getsockname()  # the others need the port that was free
                if count > 1:
                    # Only now: bound with it, the first would join another program that listens there.
                    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            # At once: until one of them listens, two processes may be bound to the same port (socket(7)).
            listener.listen()
    except OSError as error:
        for listener in listeners:
            listener.close()
        problem, hint = _PROBLEMS.get(error.errno or 0, (f"cannot be opened: {error.strerror}", None))
        kind_of_error = PortInUse if error.errno == errno.EADDRINUSE else CommandError
        raise kind_of_error(f"{host}:{port} {problem}", hint and hint.format(host=host, port=port)) from None
    return listeners
