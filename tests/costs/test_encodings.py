"""How many encodings a conversion takes: each costs as much as everything else together."""

from orak.adapters.audio.child_converter import ChildConverter
from orak.adapters.audio.sung_sample import write_sung_sample
from orak.application.ports.converter import ConversionOrder
from orak.domain.audio import AudioProfile


async def test_a_plain_voice_is_encoded_once(tmp_path):
    source = tmp_path / "sung.webm"
    write_sung_sample(source)
    order = ConversionOrder(
        source=source,
        audio=tmp_path / "out.m4a",
        waveform=tmp_path / "waveform.json",
        profile=AudioProfile.AAC_128,
        title="a recording",
        max_duration_seconds=3600,
    )
    async with ChildConverter() as converter:
        conversion = await converter.convert(order, lambda _: None)
    assert conversion.loudness.limited_by is None
    assert conversion.encodings == 1
