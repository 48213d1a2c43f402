"""The page for recording and listening, the operators' page, and the files of both."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Final

from litestar import MediaType, Response, Router
from litestar.params import FromPath

from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.errors import HttpError
from orak.entrypoints.http.answers.files import StaticFile, file_response
from orak.entrypoints.http.answers.page_policy import page_headers
from orak.entrypoints.http.routing import AnyRequest, get, running_of

_WEB = files("orak.entrypoints") / "web"
_FOLDERS = ("client", "page", "vendor/wavesurfer")
_TYPES: Final[Mapping[str, str]] = {
    ".css": MediaType.CSS,
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
"""The file types that are served. Pages have their own URLs; licences and manifests are not served."""


@get("/")
async def get_page(request: AnyRequest) -> Response[bytes] | Response[None]:
    """Send the page for recording and listening."""
    return _page_response(request, "index.html")


@get("/operator")
async def get_operator_page(request: AnyRequest) -> Response[bytes] | Response[None]:
    """Send the operators' page. It holds no data: the page asks the API with its user's token."""
    return _page_response(request, "operator.html")


@get("/static/{path:path}")
async def get_page_file(request: AnyRequest, path: FromPath[str]) -> Response[bytes] | Response[None]:
    """Send one of the files of the pages."""
    return file_response(request, _file(path.lstrip("/")))


@get("/client/{path:path}")
async def get_client_file(request: AnyRequest, path: FromPath[str]) -> Response[bytes] | Response[None]:
    """Send one of the modules of the browser client, which other pages may use too."""
    return file_response(request, _file(f"client/{path.lstrip('/')}"))


page = Router("/", route_handlers=[get_page, get_operator_page, get_page_file, get_client_file])


def _file(path: str) -> StaticFile:
    if file := _files().get(path):
        return file
    raise HttpError(ErrorCode.NOT_FOUND)


@cache
def _files() -> Mapping[str, StaticFile]:
    """Read every file that is served: a path from a URL never reaches the file system."""
    found = {}
    for folder in _FOLDERS:
        for path, file in _below(_WEB / folder, folder):
            media_type = _TYPES.get(PurePosixPath(path).suffix)
            if media_type is not None and not path.endswith(".d.ts"):
                found[path] = StaticFile.read(file, media_type)
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
def _document(name: str) -> StaticFile:
    return StaticFile.read(_WEB / "page" / name, MediaType.HTML)


def _page_response(request: AnyRequest, name: str) -> Response[bytes] | Response[None]:
    response = file_response(request, _document(name))
    response.headers.update(page_headers(running_of(request).settings))
    return response
