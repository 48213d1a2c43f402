"""What S3 and its client say went wrong, in the words of the port."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from aiohttp import ClientError as BrokenConnection
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from orak.application.ports.failures import Unavailable
from orak.application.ports.storage import ObjectChanged, ObjectMissing
from orak.domain.errors import OrakError


@contextmanager
def told_as_the_port_does() -> Iterator[None]:
    """Raise `ObjectMissing`, `ObjectChanged` or `Unavailable` in place of what the client raises."""
    try:
        yield
    except ParamValidationError:
        raise  # a bug of ours; to call again would not help
    except ClientError as error:
        raise _meaning(error) from error
    except (BotoCoreError, BrokenConnection, OSError) as error:  # time-outs are OSErrors
        # The name alone: the text may hold a URL.
        raise Unavailable(f"S3 does not answer ({type(error).__name__})") from error


def _meaning(error: ClientError) -> OrakError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code == "NoSuchBucket":
        return Unavailable("S3 has no such bucket")  # and that says nothing about our objects
    if status == HTTPStatus.NOT_FOUND:
        return ObjectMissing()
    if status == HTTPStatus.PRECONDITION_FAILED:
        return ObjectChanged()
    if status == HTTPStatus.FORBIDDEN:
        # Not "it is missing": that S3 says so of a missing object too, to who may not list, is no proof.
        return Unavailable(f"S3 refuses it ({code}): check the keys, the clock, and the right to list")
    return Unavailable(f"S3 answered {status} ({code})")
