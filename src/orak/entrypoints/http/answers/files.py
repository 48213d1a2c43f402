"""Static files: read from the package once, sent with an ETag, revalidated on each use."""

from hashlib import sha256
from importlib.resources.abc import Traversable
from typing import NamedTuple

from litestar import Response

from orak.entrypoints.http.answers.etags import is_known
from orak.entrypoints.http.request_headers import headers_of
from orak.entrypoints.http.routing import AnyRequest


class StaticFile(NamedTuple):
    """Content, media type and ETag of one file."""

    content: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, content: bytes, media_type: str) -> "StaticFile":
        """Return *content* with an ETag made from its hash."""
        return cls(content, media_type, f'"{sha256(content).hexdigest()[:32]}"')

    @classmethod
    def read(cls, file: Traversable, media_type: str) -> "StaticFile":
        """Read *file*."""
        return cls.of(file.read_bytes(), media_type)


def file_response(request: AnyRequest, file: StaticFile) -> Response[bytes] | Response[None]:
    """Return *file*, or 304 if the client already holds it.

    Browsers revalidate each file on each use: the names of modules hold no version, and a cache must never
    mix the files of two releases.
    """
    headers = {"Cache-Control": "public, no-cache", "ETag": file.etag}
    if is_known(headers_of(request.scope), file.etag):
        return Response(None, status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
