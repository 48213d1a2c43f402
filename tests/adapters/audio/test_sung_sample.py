import av
import pytest

import audio_samples as samples
from orak.adapters.audio.sung_sample import write_sung_sample
from orak.domain.audio import CEILING_DBTP, TARGET_LUFS


async def test_the_sung_take_looks_like_a_browsers_and_converts(converter, order, tmp_path):
    source = tmp_path / "take.webm"
    write_sung_sample(source)
    with av.open(str(source)) as container:
        assert container.duration is None
        assert container.streams.audio[0].codec_context.name in {"opus", "libopus"}
    ordered = order(source)

    conversion = await converter.convert(ordered, lambda _: None)

    heard = samples.listen(ordered.audio)
    assert 10 < conversion.duration_seconds < 14
    assert heard.lufs == pytest.approx(TARGET_LUFS, abs=0.5)
    assert heard.true_peak_db <= CEILING_DBTP
