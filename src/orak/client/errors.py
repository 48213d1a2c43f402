"""What can keep a call from its answer."""

from collections.abc import Sequence

import httpx
import msgspec

from orak.client.answers import ApiError, ErrorDetail, ErrorEnvelope, Record


class OrakClientError(Exception):
    """Anything that keeps a call from its answer."""


class OrakApiError(OrakClientError):
    """A refusal, by orak or by the store that the bytes go to."""

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
        """Stable, for programs to act on; `HTTP_<status>` if whoever refused has no such codes."""
        self.message = message
        self.details = tuple(details)
        """Every wrong field, if fields were wrong."""
        self.request_id = request_id
        """Under which orak's operators find this call."""


class Unreachable(OrakClientError):
    """Nobody answered, however often it was tried; `__cause__` is httpx's own error."""


class UnreadableAnswer(OrakClientError):
    """Somebody answered, but not orak: a proxy's page, perhaps."""


class StillProcessing(OrakClientError, TimeoutError):
    """The time to wait is over and the take is not converted; the conversion goes on."""

    def __init__(self, record: Record, seconds: float) -> None:
        super().__init__(f"record {record.id} is still being processed after {seconds:g} s")
        self.record = record


class FileChanged(OrakClientError):
    """The file grew or shrank while it was sent; nothing was stored."""


def refusal(response: httpx.Response) -> OrakApiError:
    """Return what an answer of 400 or above says, in orak's envelope or not."""
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
