"""Errors that a call can raise."""

from collections.abc import Sequence

import httpx
import msgspec

from orak.client.answers import ApiError, ErrorDetail, ErrorEnvelope, Record


class OrakClientError(Exception):
    """Base class of this client's errors."""


class OrakApiError(OrakClientError):
    """An error response, from orak or from the object store."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Sequence[ErrorDetail] = (),
        request_id: str | None = None,
    ) -> None:
        super().__init__(f"{message} ({code}, {status})")
        self.status = status
        self.code = code
        """Stable code to act on; `HTTP_<status>` if the response does not have orak's error format."""
        self.message = message
        self.details = tuple(details)
        """Every invalid field, if the server rejected fields."""
        self.request_id = request_id
        """Identifies the call in the server's log."""


class Unreachable(OrakClientError):
    """The server did not respond, retries included; `__cause__` is httpx's error."""


class UnreadableAnswer(OrakClientError):
    """The response did not come from orak: it is a proxy's page, for example."""


class StillProcessing(OrakClientError, TimeoutError):
    """The conversion did not end within the time to wait. It goes on."""

    def __init__(self, record: Record, seconds: float) -> None:
        super().__init__(f"record {record.id} is still being processed after {seconds:g} s")
        self.record = record


class FileChanged(OrakClientError):
    """The file grew or shrank while it was sent; nothing was stored."""


def api_error(response: httpx.Response) -> OrakApiError:
    """Return the error in a response of status 400 or above, whatever its format."""
    try:
        error = msgspec.json.decode(response.content, type=ErrorEnvelope).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        error = ApiError(
            code=f"HTTP_{response.status_code}",
            message=response.reason_phrase or "refused",
            request_id=response.headers.get("X-Request-Id", ""),
        )
    return OrakApiError(
        response.status_code, error.code, error.message, error.details, error.request_id or None
    )
