"""The HTTP application on real adapters without background work, so that only its calls cost anything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from http_api import SECRET, URL, started
from orak.application.clock_skew import ClockSkew
from orak.application.use_cases import build_use_cases
from orak.entrypoints.container import Container
from orak.entrypoints.http.app import create_app
from orak.entrypoints.opening import made, opened
from orak.entrypoints.readiness import Readiness
from orak.entrypoints.running import Running
from orak.entrypoints.settings.policies import policies_of
from orak.entrypoints.settings.values import Settings
from served import a_token


@asynccontextmanager
async def a_quiet_orak(**changes: object) -> AsyncIterator[httpx.AsyncClient]:
    """Run the application until the block ends; yield a client of user 1. Nothing is converted."""
    settings = Settings(
        jwt_secret=SECRET, public_url=URL, batch_enabled=False, immediate_wait_ms=0, **changes
    )

    @asynccontextmanager
    async def running() -> AsyncIterator[Running]:
        container = Container(settings=settings)
        parts = (
            container.persistence,
            container.storage,
            container.workspaces,
            container.converter,
            container.poster,
        )
        async with opened(*parts):
            ports = await made(container.ports)
            storage, persistence = await made(container.storage), await made(container.persistence)
            yield Running(
                use_cases=build_use_cases(ports, policies_of(settings)),
                tokens=await made(container.tokens),
                object_server=None if settings.storage_kind == "s3" else storage,
                media=storage,
                clock=ports.clock,
                settings=settings,
                readiness=Readiness({"database": persistence.check_writable}),
                clock_skew=ClockSkew(container.system(), {}),
                waits=ports.waits,
                finish_conversions=container.pool().finish,
                end_conversion_waits=lambda: None,
                measurements=ports.measurements,
                counted=container.counted(),
            )

    app = create_app(settings, running)
    async with (
        started(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url=URL,
            headers={"Authorization": f"Bearer {a_token()}"},
            timeout=30,
        ) as client,
    ):
        yield client
