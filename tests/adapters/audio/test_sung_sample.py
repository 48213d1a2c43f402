import av
import pytest

import audio_samples as samples
from orak.adapters.audio.sung_sample import write_sung_sample
from orak.domain.audio import CEILING_DBTP, TARGET_LUFS


async def test_the_sung_sample_looks_like_a_browser_recording_and_converts(converter, order, tmp_path):
    source = tmp_path / "source.webm"
    write_sung_sample(source)
    with av.open(str(source)) as container:
        assert container.duration is None
        assert container.streams.audio[0].codec_context.name in {"opus", "libopus"}
    ordered = order(source)

    conversion = await converter.convert(ordered, lambda _: None)

    published = samples.listen(ordered.audio)
    assert 10 < conversion.duration_seconds < 14
    assert published.lufs == pytest.approx(TARGET_LUFS, abs=0.5)
    assert published.true_peak_db <= CEILING_DBTP
