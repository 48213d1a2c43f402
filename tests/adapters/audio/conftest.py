from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from orak.adapters.audio.child_converter import ChildConverter
from orak.application.ports.converter import ConversionOrder
from orak.domain.audio import AudioProfile


@pytest.fixture
async def converter() -> AsyncIterator[ChildConverter]:
    async with ChildConverter() as converter:
        yield converter


@pytest.fixture
def order(tmp_path: Path) -> Callable[..., ConversionOrder]:
    """Build conversion orders; each writes to its own folder."""
    count = 0

    def make(source: Path, **changes: object) -> ConversionOrder:
        nonlocal count
        count += 1
        out = tmp_path / f"out-{count}"
        out.mkdir()
        defaults: dict[str, object] = {
            "source": source,
            "audio": out / "audio",
            "waveform": out / "peaks",
            "profile": AudioProfile.AAC_128,
            "title": "봄날, live",
            "max_duration_seconds": 600,
        }
        return ConversionOrder(**{**defaults, **changes})

    return make
