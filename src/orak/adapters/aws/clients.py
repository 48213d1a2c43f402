"""Calls to AWS services, with a time limit and with the errors of the ports."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

from aioboto3 import Session
from aiohttp import ClientError as BrokenConnection
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError

from orak.adapters.aws.config import AwsConfig
from orak.application.ports.failures import InvalidConfiguration, Unavailable

_CALL_SECONDS = 10.0
"""Time limit of a call with all its retries, beyond the time that the service itself waits."""

_FALLBACK_REGION = "us-east-1"
"""The region for an AWS-compatible server if none is configured."""


class InvalidAwsConfig(InvalidConfiguration):
    """The configuration cannot work: it has no region, or an invalid endpoint."""


class AwsError(Unavailable):
    """The service answered with an error; `code` is the AWS error code."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class AwsService:
    """Calls one service. Operations and parameters have the names that boto3 uses."""

    def __init__(self, client: Any, name: str, timeout: float) -> None:  # noqa: ANN401 - boto3 makes its type at run time
        self._client = client
        self._name = name
        self._timeout = timeout

    async def call(self, operation: str, **parameters: object) -> Mapping[str, Any]:
        """Call *operation* of the service.

        Raise `AwsError` if the service refuses, `Unavailable` if it does not answer.
        """
        try:
            async with asyncio.timeout(self._timeout):
                answer: Mapping[str, Any] = await getattr(self._client, operation)(**parameters)
                return answer
        except ParamValidationError:
            raise  # a bug in orak: a retry would not help
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            raise AwsError(f"{self._name} answered {status} ({code})", code) from error
        except NoCredentialsError as error:
            raise Unavailable(
                "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from error
        except (BotoCoreError, BrokenConnection, OSError) as error:  # a timeout is an OSError
            # Only the type of the error: its text may contain a URL.
            raise Unavailable(f"{self._name} does not answer ({type(error).__name__})") from error


@asynccontextmanager
async def open_service(
    name: Literal["cloudfront", "events", "sqs", "s3"], config: AwsConfig, *, wait_seconds: float = 0
) -> AsyncIterator[AwsService]:
    """Open a client of one service without calling it yet. Raise `InvalidAwsConfig`.

    The service may hold a call for up to *wait_seconds*, as SQS does with long polling.
    """
    session = Session(config.access_key, config.secret_key, config.token, region_name=config.region)
    region = config.region or session.region_name or (_FALLBACK_REGION if config.endpoint_url else None)
    options = Config(
        connect_timeout=2,
        read_timeout=wait_seconds + 10,
        retries={"mode": "standard", "total_max_attempts": 3},
        s3={"addressing_style": "path"} if config.endpoint_url else None,
    )
    try:
        opening = session.client(name, region_name=region, endpoint_url=config.endpoint_url, config=options)
        client = await opening.__aenter__()
    except (BotoCoreError, ValueError) as error:
        raise InvalidAwsConfig(str(error).partition("\n")[0]) from error
    try:
        yield AwsService(client, _DISPLAY_NAMES[name], wait_seconds + _CALL_SECONDS)
    finally:
        await opening.__aexit__(None, None, None)


_DISPLAY_NAMES = {"cloudfront": "CloudFront", "events": "EventBridge", "sqs": "SQS", "s3": "S3"}
