"""A proxy before an S3 server that lacks what some stores lack, or has the CORS rules of a bucket."""

import http.client
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType

from msgspec.structs import replace

from orak.adapters.storage.bucket_settings import BucketSettings

DEADLINE = 30

_NOT_IMPLEMENTED = b"<Error><Code>NotImplemented</Code><Message>not implemented</Message></Error>"
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})

Request = BaseHTTPRequestHandler


def conditional_puts(request: Request) -> bool:
    """Some stores answer 501 to these."""
    return request.command == "PUT" and "If-None-Match" in request.headers


def conditional_gets(request: Request) -> bool:
    return request.command == "GET" and "If-Match" in request.headers


def multipart(request: Request) -> bool:
    return "?uploads" in request.path


@dataclass
class Front:
    """The running proxy; what it refuses may change at any time."""

    url: str = ""
    refuses: Callable[[Request], bool] = lambda _: False
    """Requests that are answered 501."""
    enforces_create_only: bool = False
    """Whether a PUT with If-None-Match is answered 412 if it is not the first of its key, as S3 does."""
    origins: Collection[str] = ()
    """Origins whose pages may call; with a star, all of them. The proxy then answers preflights."""
    allowed: str = "content-type, if-none-match"
    """Request headers that a preflight allows."""
    ahead: int = 0
    """Seconds by which the dates of its answers are ahead."""
    stored: set[str] = field(default_factory=set)
    """Paths of the objects that arrived."""

    def before(self, bucket: BucketSettings) -> BucketSettings:
        """Return the settings of *bucket* as reached through the proxy."""
        return replace(bucket, endpoint_url=self.url)

    def admitted(self, origin: str | None) -> str | None:
        """Return the Access-Control-Allow-Origin of an answer, as S3 chooses it."""
        if origin is None:
            return None
        return "*" if "*" in self.origins else origin if origin in self.origins else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def pass_on(self) -> None:
        front, body = self.server.front, self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        if self.command == "OPTIONS" and front.origins:
            self.answer_preflight()
        elif front.refuses(self):
            self.answer(501, _NOT_IMPLEMENTED)
        elif front.enforces_create_only and conditional_puts(self) and path in front.stored:
            self.answer(412)
        elif self.answer_from_store(body) and self.command == "PUT":
            front.stored.add(path)

    def answer_from_store(self, body: bytes) -> bool:
        """Return whether the store answered 200."""
        store = http.client.HTTPConnection("127.0.0.1", self.server.store_port, timeout=DEADLINE)
        store.request(self.command, self.path, body, dict(self.headers))  # with Host: it is signed
        answer = store.getresponse()
        content = answer.read()
        own = {"transfer-encoding", "connection", "content-length", "date"}
        headers = {
            name: value
            for name, value in answer.getheaders()
            if name.lower() not in own
            and not (self.server.front.origins and name.lower().startswith("access-control-"))
        }
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        store.close()
        self.answer(answer.status, content, headers | ({"Content-Length": length} if length else {}))
        return answer.status == 200

    def answer_preflight(self) -> None:
        front = self.server.front
        asked = set(_names(self.headers["Access-Control-Request-Headers"]))
        if front.admitted(self.headers["Origin"]) is None or not asked <= set(_names(front.allowed)):
            self.answer(403)
            return
        allowed = {
            "Access-Control-Allow-Methods": "PUT, GET, HEAD",
            "Access-Control-Allow-Headers": front.allowed,
        }
        self.answer(200, headers=allowed)

    def answer(self, status: int, content: bytes = b"", headers: Mapping[str, str] = _NO_HEADERS) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | dict(headers)).items():
            self.send_header(name, value)
        if admitted := self.server.front.admitted(self.headers.get("Origin")):
            self.send_header("Access-Control-Allow-Origin", admitted)
        self.end_headers()
        self.wfile.write(content)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string((timestamp or time.time()) + self.server.front.ahead)

    do_PUT = do_GET = do_HEAD = do_POST = do_DELETE = do_OPTIONS = pass_on  # noqa: N815 - named by http.server

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, store_port: int, front: Front) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.store_port, self.front = store_port, front


def _names(header: str) -> Iterator[str]:
    return (name.strip() for name in header.lower().split(","))


@contextmanager
def a_front(store_port: int, **traits: object) -> Iterator[Front]:
    """Run a proxy before the S3 server on this port."""
    front = Front(**traits)
    server = _Server(store_port, front)
    front.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield front
    finally:
        server.shutdown()
        server.server_close()
