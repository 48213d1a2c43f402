"""The API's documentation: the OpenAPI document, and Swagger UI from orak's own files to read it with."""

from functools import cache
from hashlib import sha256
from importlib.resources import files

from litestar import MediaType, Response, Router
from litestar.params import FromPath

from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.errors import Refusal
from orak.entrypoints.http.answers.etags import is_known
from orak.entrypoints.http.openapi.document import rendered_document
from orak.entrypoints.http.requests.authentication import PUBLIC
from orak.entrypoints.http.requests.injection import AnyCall
from orak.entrypoints.http.routes.reading import read

_WEB = files("orak.entrypoints") / "web"

_ASSETS = {
    "docs.js": ("docs/docs.js", "text/javascript"),
    "favicon-32x32.png": ("vendor/swagger-ui/favicon-32x32.png", "image/png"),
    "swagger-ui-bundle.js": ("vendor/swagger-ui/swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui.css": ("vendor/swagger-ui/swagger-ui.css", MediaType.CSS),
}
"""Every file there is to be had: a name from a URL is looked up here, and never in the file system."""

# Swagger UI sets styles from JavaScript, and draws its icons from data: URLs.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@read("/openapi.json")
async def show_document(request: AnyCall) -> Response[bytes] | Response[None]:
    """Send the OpenAPI document."""
    return _revalidated(request, rendered_document(), "application/json")


@read("/docs")
async def show_documentation(request: AnyCall) -> Response[bytes] | Response[None]:
    """Send the page that Swagger UI lives in."""
    response = _revalidated(request, _content("docs/index.html"), MediaType.HTML)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@read("/docs/assets/{name:str}")
async def show_asset(request: AnyCall, name: FromPath[str]) -> Response[bytes] | Response[None]:
    """Send one of the files that the page is made of."""
    if name not in _ASSETS:
        raise Refusal(ErrorCode.NOT_FOUND)
    path, media_type = _ASSETS[name]
    return _revalidated(request, _content(path), media_type)


docs = Router("/", route_handlers=[show_document, show_documentation, show_asset], opt={PUBLIC: True})


@cache
def _content(path: str) -> bytes:
    return (_WEB / path).read_bytes()


@cache
def _etag(content: bytes) -> str:
    return f'"{sha256(content).hexdigest()[:32]}"'


def _revalidated(request: AnyCall, content: bytes, media_type: str) -> Response[bytes] | Response[None]:
    headers = {"Cache-Control": "public, no-cache", "ETag": _etag(content)}
    if is_known(request.headers, headers["ETag"]):
        return Response(None, status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
