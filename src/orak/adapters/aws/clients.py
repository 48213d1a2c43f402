"""One service of AWS, called in bounded time, and what it answers in orak's words."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

import msgspec
from aioboto3 import Session
from aiohttp import ClientError as BrokenConnection
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError

from orak.application.ports.failures import Unavailable

_PATIENCE = 10.0
"""Seconds that a call may take beyond what the service waits by itself, all tries included."""

_ELSEWHERE = "us-east-1"
"""The region that servers which are not AWS are told when nobody names one."""


class AwsConfig(msgspec.Struct, frozen=True):
    """Whose AWS, where; None leaves a thing to the usual AWS chain (environment, profile, role)."""

    region: str | None = None
    endpoint_url: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    token: str | None = None


class InvalidAwsConfig(ValueError):
    """There can be no service at this place: no region, or an endpoint that is none."""


class Refused(Unavailable):
    """The service answered, and not with what was asked for; *code* says why."""

    def __init__(self, service: str, status: object, code: str) -> None:
        super().__init__(f"{service} answered {status} ({code})")
        self.code = code


class AwsService:
    """Calls to one service; the operations and their parameters have its own names."""

    def __init__(self, client: Any, name: str, patience: float) -> None:  # noqa: ANN401 - it has no type before it runs
        self._client = client
        self._name = name
        self._patience = patience

    async def call(self, operation: str, **parameters: object) -> Mapping[str, Any]:
        """Call the service. Raise `Refused` if it says no, `Unavailable` if it says nothing."""
        try:
            async with asyncio.timeout(self._patience):
                answer: Mapping[str, Any] = await getattr(self._client, operation)(**parameters)
                return answer
        except ParamValidationError:
            raise  # a bug of ours; to call again would not help
        except ClientError as error:
            said = error.response.get("Error", {})
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            raise Refused(self._name, status, str(said.get("Code", ""))) from error
        except NoCredentialsError as error:
            raise Unavailable(
                "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from error
        except (BotoCoreError, BrokenConnection, OSError) as error:  # time-outs are OSErrors
            # The name alone: the text may hold a URL.
            raise Unavailable(f"{self._name} does not answer ({type(error).__name__})") from error


@asynccontextmanager
async def open_service(
    name: Literal["events", "sqs", "s3"], place: AwsConfig, *, waits: float = 0
) -> AsyncIterator[AwsService]:
    """Open the way to one service, whose calls may wait for *waits* seconds; it need not answer yet.

    Raise `InvalidAwsConfig`.
    """
    session = Session(place.access_key, place.secret_key, place.token, region_name=place.region)
    region = place.region or session.region_name or (_ELSEWHERE if place.endpoint_url else None)
    config = Config(
        connect_timeout=2,
        read_timeout=waits + 10,
        retries={"mode": "standard", "total_max_attempts": 3},
        s3={"addressing_style": "path"} if place.endpoint_url else None,
    )
    try:
        opening = session.client(name, region_name=region, endpoint_url=place.endpoint_url, config=config)
        client = await opening.__aenter__()
    except (BotoCoreError, ValueError) as error:
        raise InvalidAwsConfig(str(error).partition("\n")[0]) from error
    try:
        yield AwsService(client, _SPOKEN[name], waits + _PATIENCE)
    finally:
        await opening.__aexit__(None, None, None)


_SPOKEN = {"events": "EventBridge", "sqs": "SQS", "s3": "S3"}
