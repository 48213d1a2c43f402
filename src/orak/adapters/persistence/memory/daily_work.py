from datetime import datetime, timedelta

_DAY = timedelta(days=1)


class MemoryDailyWork:
    """The port `DailyWork` in memory."""

    def __init__(self) -> None:
        self._begun: dict[str, datetime] = {}

    async def begin(self, name: str, at: datetime) -> bool:
        last = self._begun.get(name)
        if last is not None and at < last + _DAY:
            return False
        self._begun[name] = at
        return True

    async def abandon(self, name: str) -> None:
        self._begun.pop(name, None)
