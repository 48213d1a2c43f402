"""Translation of S3 and client errors into the errors of the `Storage` port."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from aiohttp import ClientError as BrokenConnection
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from orak.application.ports.failures import Unavailable
from orak.application.ports.storage import ObjectChanged, ObjectMissing
from orak.domain.errors import OrakError


class Unsupported(Unavailable):
    """The store does not implement what the request asks for."""


@contextmanager
def port_errors() -> Iterator[None]:
    """Translate client errors into `ObjectMissing`, `ObjectChanged` or `Unavailable`."""
    try:
        yield
    except ParamValidationError:
        raise  # a bug in the call; a retry would not help
    except ClientError as error:
        raise _translated(error) from error
    except (BotoCoreError, BrokenConnection, OSError) as error:  # timeouts are OSErrors
        # Only the name of the error: its text may hold a signed URL.
        raise Unavailable(f"S3 does not answer ({type(error).__name__})") from error


def _translated(error: ClientError) -> OrakError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    return error_of_status(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode"), code)


def error_of_status(status: int | None, code: str) -> OrakError:
    """Return the error of the port for an answer with this HTTP *status* and AWS error *code*."""
    if code == "NoSuchBucket":
        return Unavailable("S3 has no such bucket")  # no proof that its objects were deleted
    if status == HTTPStatus.NOT_FOUND:
        return ObjectMissing()
    if status == HTTPStatus.PRECONDITION_FAILED:
        return ObjectChanged()
    if status == HTTPStatus.FORBIDDEN:
        # Not `ObjectMissing`: S3 answers 403 for a missing object if the keys may not list the bucket.
        return Unavailable(
            f"S3 refused the request ({code}): check the keys, the clock, and the permission to list"
        )
    if status in {HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.METHOD_NOT_ALLOWED} or code == "NotImplemented":
        return Unsupported(f"S3 answered {status} ({code})")
    return Unavailable(f"S3 answered {status} ({code})")
