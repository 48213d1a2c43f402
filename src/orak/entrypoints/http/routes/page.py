"""The page where people sing and listen, the operators' page, and the files that both are made of."""

from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from litestar import MediaType, Response, Router
from litestar.params import FromPath

from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.errors import Refusal
from orak.entrypoints.http.answers.etags import is_known
from orak.entrypoints.http.answers.page_policy import page_headers
from orak.entrypoints.http.requests.authentication import PUBLIC
from orak.entrypoints.http.requests.injection import AnyCall, Injected
from orak.entrypoints.http.routes.reading import read
from orak.entrypoints.running import Running

_WEB = files("orak.entrypoints") / "web"
_FOLDERS = ("client", "page", "vendor/wavesurfer")
_TYPES: Final[Mapping[str, str]] = {
    ".css": MediaType.CSS,
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
"""What is served: pages go out at URLs of their own, licences and manifests stay in the wheel."""


class _File(NamedTuple):
    content: bytes
    media_type: str
    etag: str


@read("/")
async def show_studio(request: AnyCall, running: Injected[Running]) -> Response[bytes] | Response[None]:
    """Send the page where takes are recorded and heard."""
    return _page(request, running, "index.html")


@read("/operator")
async def show_operator(request: AnyCall, running: Injected[Running]) -> Response[bytes] | Response[None]:
    """Send the operators' page. It shows nothing that the API would not show to its reader's token."""
    return _page(request, running, "operator.html")


@read("/static/{path:path}")
async def show_file(request: AnyCall, path: FromPath[str]) -> Response[bytes] | Response[None]:
    """Send one of the files that the pages are made of."""
    found = _files().get(path.lstrip("/"))
    if found is None:
        raise Refusal(ErrorCode.NOT_FOUND)
    return _revalidated(request, found)


@read("/client/{path:path}")
async def show_client_file(request: AnyCall, path: FromPath[str]) -> Response[bytes] | Response[None]:
    """Send one of the modules that other pages may use as well."""
    found = _files().get(f"client/{path.lstrip('/')}")
    if found is None:
        raise Refusal(ErrorCode.NOT_FOUND)
    return _revalidated(request, found)


page = Router(
    "/", route_handlers=[show_studio, show_operator, show_file, show_client_file], opt={PUBLIC: True}
)


@cache
def _files() -> Mapping[str, _File]:
    """Read every file there is to be had: a URL is looked up here, and never in the file system."""
    found = {}
    for folder in _FOLDERS:
        for path, file in _below(_WEB / folder, folder):
            media_type = _TYPES.get(PurePosixPath(path).suffix)
            if media_type is not None and not path.endswith(".d.ts"):
                found[path] = _file(file, media_type)
    return found


def _below(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        inner = f"{path}/{entry.name}"
        if entry.is_dir():
            yield from _below(entry, inner)
        else:
            yield inner, entry


@cache
def _document(name: str) -> _File:
    return _file(_WEB / "page" / name, MediaType.HTML)


def _file(file: Traversable, media_type: str) -> _File:
    content = file.read_bytes()
    return _File(content, media_type, f'"{sha256(content).hexdigest()[:32]}"')


def _page(request: AnyCall, running: Running, name: str) -> Response[bytes] | Response[None]:
    response = _revalidated(request, _document(name))
    response.headers.update(page_headers(running.settings))
    return response


def _revalidated(request: AnyCall, file: _File) -> Response[bytes] | Response[None]:
    # Modules name each other without versions, so a browser asks about each: a new wheel is never half seen.
    headers = {"Cache-Control": "public, no-cache", "ETag": file.etag}
    if is_known(request.headers, file.etag):
        return Response(None, status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
