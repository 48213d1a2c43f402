from contextlib import suppress
from dataclasses import dataclass, field

from orak.application.ports.batch_settings import BatchSettings
from orak.application.ports.failures import Unavailable


@dataclass(slots=True)
class BatchSize:
    """How many uploads a batch may start.

    It is the size that an operator set last, or the configured one.
    """

    batch_settings: BatchSettings
    configured: int
    _last: int = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.configured

    async def __call__(self) -> int:
        """Return the size.

        While the database cannot be reached, return the size that was read last.
        """
        with suppress(Unavailable):
            self._last = await self.batch_settings.batch_size() or self.configured
        return self._last
