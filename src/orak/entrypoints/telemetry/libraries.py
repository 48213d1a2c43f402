"""The libraries whose calls become spans, each by OpenTelemetry's own instrumentation of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import TracerProvider

_LIBRARIES = (
    ("asyncpg", "opentelemetry.instrumentation.asyncpg", "AsyncPGInstrumentor"),
    ("aiobotocore", "opentelemetry.instrumentation.botocore", "AiobotocoreInstrumentor"),
    ("aiohttp", "opentelemetry.instrumentation.aiohttp_client", "AioHttpClientInstrumentor"),
    ("redis", "opentelemetry.instrumentation.redis", "RedisInstrumentor"),
)
"""Library, module and class.

asyncpg runs every statement on PostgreSQL. The instrumentation of SQLAlchemy refuses 2.1, so statements on
SQLite are no spans. HEAD of an object is a request by aiohttp; aiobotocore makes the other calls to S3, and
all to EventBridge and SQS.
"""


class _Instrumentor(Protocol):
    """The `BaseInstrumentor` of OpenTelemetry, which is built without types."""

    def instrument(self, **settings: object) -> object: ...
    def uninstrument(self) -> object: ...


class Libraries:
    """The instrumentations of the libraries that are installed."""

    def __init__(self) -> None:
        """Import them. Raise `ModuleNotFoundError` if one is not installed."""
        self._instrumentors: list[_Instrumentor] = [
            getattr(import_module(module), name)()
            for library, module, name in _LIBRARIES
            if find_spec(library)
        ]

    @contextmanager
    def instrumented(self, tracers: TracerProvider) -> Iterator[None]:
        """Record the calls of each library until the block ends; orak measures them itself."""
        try:
            for one in self._instrumentors:
                one.instrument(tracer_provider=tracers, meter_provider=NoOpMeterProvider())
            yield
        finally:
            for one in reversed(self._instrumentors):
                one.uninstrument()
