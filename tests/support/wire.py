"""A network connection between a browser and orak that counts bytes and can be cut."""

import selectors
import socket
import struct
import threading
from contextlib import contextmanager

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset, like a lost connection


class Wire:
    """A TCP forwarder, used as a browser context's proxy; absolute-form requests pass unchanged."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.sent = 0
        """Number of bytes sent by the browser."""
        self._up = True
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Reset every connection, and refuse new ones until `mend`."""
        with self._lock:
            self._up = False
            for pair in self._pairs:
                for end in pair:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    end.shutdown(socket.SHUT_RDWR)  # wakes the thread, which closes it

    def mend(self) -> None:
        """Accept connections again."""
        with self._lock:
            self._up = True

    def close(self) -> None:
        """Stop listening and reset every connection."""
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                browser, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if not self._up:
                    browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    browser.close()
                    continue
                pair = browser, socket.create_connection(("127.0.0.1", self._port))
                self._pairs.add(pair)
            threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, browser: socket.socket, orak: socket.socket) -> None:
        try:
            with selectors.DefaultSelector() as either:
                either.register(browser, selectors.EVENT_READ, orak)
                either.register(orak, selectors.EVENT_READ, browser)
                while True:
                    for ready, _ in either.select():
                        chunk = ready.fileobj.recv(65_536)
                        if not chunk:
                            return
                        ready.data.sendall(chunk)
                        if ready.fileobj is browser:
                            self.sent += len(chunk)
        except OSError:
            return  # cut, or closed by one side
        finally:
            with self._lock:
                self._pairs.discard((browser, orak))
                browser.close()
                orak.close()


@contextmanager
def a_wire_to(port: int):
    """Return a wire to that port of this machine."""
    wire = Wire(port)
    try:
        yield wire
    finally:
        wire.close()
