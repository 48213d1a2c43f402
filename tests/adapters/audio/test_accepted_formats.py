"""What may be uploaded can be converted: a real file for every accepted extension."""

import pytest

import audio_samples as samples
from orak.domain.formats import EXTENSIONS

KINDS = {
    **dict.fromkeys(("webm", "weba"), ("webm-opus",)),
    **dict.fromkeys(("ogg", "oga", "opus", "ogv"), ("ogg-opus", "ogg-vorbis")),
    **dict.fromkeys(("m4a", "mp4", "m4b"), ("m4a-aac", "mp4-aac", "latm-aac")),
    **dict.fromkeys(("qta", "mov"), ("mov-aac", "mov-pcm")),
    **dict.fromkeys(("3gp", "3gpp"), ("3gp-aac", "3gp-amr")),
    "aac": ("adts-aac", "latm-aac"),
    "mp3": ("mp3",),
    "wav": ("wav",),
    "flac": ("flac",),
    **dict.fromkeys(("aiff", "aif"), ("aiff",)),
    "caf": ("caf", "caf-alac"),
    **dict.fromkeys(("mka", "mkv"), ("mka-opus", "mka-flac")),
}


def test_every_accepted_extension_has_a_sample():
    assert set(KINDS) == set(EXTENSIONS)


@pytest.mark.parametrize("kind", sorted({kind for kinds in KINDS.values() for kind in kinds}))
async def test_a_file_of_an_accepted_format_is_converted(kind, converter, order, tmp_path):
    source = samples.write(tmp_path / "source", samples.tone(0.1), 2.0, kind)

    converted = await converter.convert(order(source), lambda _share: None)

    assert converted.duration_seconds == pytest.approx(2.0, abs=0.1)
    assert converted.loudness.input_lufs is not None
