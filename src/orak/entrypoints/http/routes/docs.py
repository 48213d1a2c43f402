"""The API's documentation: the OpenAPI document, and a page that shows it with Swagger UI."""

from collections.abc import Callable
from functools import cache
from importlib.resources import files

from litestar import MediaType, Response, Router
from litestar.params import FromPath

from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.errors import HttpError
from orak.entrypoints.http.answers.files import StaticFile, file_response
from orak.entrypoints.http.routing import AnyRequest, get
from orak.entrypoints.settings.values import Settings

_WEB = files("orak.entrypoints") / "web"

_ASSETS = {
    "docs.js": ("docs/docs.js", "text/javascript"),
    "favicon-32x32.png": ("vendor/swagger-ui/favicon-32x32.png", "image/png"),
    "swagger-ui-bundle.js": ("vendor/swagger-ui/swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui.css": ("vendor/swagger-ui/swagger-ui.css", MediaType.CSS),
}
"""The files of the page by their names in URLs: a name from a URL never reaches the file system."""

# Swagger UI sets styles from JavaScript, and draws its icons from data: URLs.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def documentation(settings: Settings, rendered_document: Callable[[], bytes]) -> Router:
    """Return the routes that serve the document and its page."""

    @cache
    def page() -> StaticFile:
        # Absolute paths, because both /docs and /docs/ lead to the page.
        html = (_WEB / "docs/index.html").read_text()
        return StaticFile.of(html.replace('"/docs/', f'"{settings.base_path}/docs/').encode(), MediaType.HTML)

    @get("/docs")
    async def get_documentation_page(request: AnyRequest) -> Response[bytes] | Response[None]:
        """Send the page that shows the document."""
        response = file_response(request, page())
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    @cache
    def document() -> StaticFile:
        return StaticFile.of(rendered_document(), "application/json")

    @get("/openapi.json")
    async def get_openapi_document(request: AnyRequest) -> Response[bytes] | Response[None]:
        return file_response(request, document())

    return Router(
        "/",
        route_handlers=[get_openapi_document, get_documentation_page, get_documentation_file],
    )


@get("/docs/assets/{name:str}")
async def get_documentation_file(
    request: AnyRequest, name: FromPath[str]
) -> Response[bytes] | Response[None]:
    """Send one of the files of the page."""
    if name not in _ASSETS:
        raise HttpError(ErrorCode.NOT_FOUND)
    return file_response(request, _asset(*_ASSETS[name]))


@cache
def _asset(path: str, media_type: str) -> StaticFile:
    return StaticFile.read(_WEB / path, media_type)
