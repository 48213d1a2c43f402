import json

import pytest

import audio_samples as samples
from orak.adapters.audio.child_converter import ChildConverter
from orak.domain.audio import CEILING_DBTP, MAX_GAIN_DB, TARGET_LUFS, AudioProfile, Loudness, LoudnessLimit

PROMISED_LU = 0.5
"""Tolerance of the published loudness."""
METER_DB = 0.1
"""Largest difference between two meters of the same file."""
PADDING_SECONDS = 0.1
"""Upper bound of the silence that an encoder adds at both ends."""


def ignore(_fraction: float) -> None:
    """Ignore progress."""


@pytest.mark.parametrize("kind", samples.KINDS)
async def test_every_input_format_is_published_at_the_target_loudness(kind, converter, order, tmp_path):
    source = samples.write(tmp_path / "anything.bin", samples.chord(0.05), 3.0, kind)
    ordered = order(source)

    conversion = await converter.convert(ordered, ignore)

    published = samples.listen(ordered.audio)
    assert conversion.duration_seconds == pytest.approx(3.0, abs=PADDING_SECONDS)
    assert published.seconds == pytest.approx(conversion.duration_seconds, abs=PADDING_SECONDS)
    assert published.lufs == pytest.approx(TARGET_LUFS, abs=PROMISED_LU)
    assert published.true_peak_db <= CEILING_DBTP
    assert conversion.loudness.output_lufs == pytest.approx(published.lufs, abs=METER_DB)
    assert conversion.loudness.true_peak_db == pytest.approx(published.true_peak_db, abs=METER_DB)
    # The converter measures the source after resampling.
    assert conversion.loudness.input_lufs == pytest.approx(samples.listen(source).lufs, abs=0.3)
    assert (published.codec, published.profile, published.channels) == ("aac", "LC", 2)
    assert published.tags["title"] == "봄날, live"
    assert "private" not in published.tags.values()
    assert samples.can_seek(ordered.audio, 2.0)
    data = ordered.audio.read_bytes()
    assert -1 < data.find(b"moov") < data.find(b"mdat")
    assert b"secret" not in data


@pytest.mark.parametrize(
    ("profile", "codec"),
    [(AudioProfile.MP3_192, "mp3float"), (AudioProfile.OPUS_96, "opus"), (AudioProfile.AAC_128, "aac")],
)
async def test_every_profile_keeps_loudness_and_true_peak(profile, codec, converter, order, tmp_path):
    source = samples.write(tmp_path / "source", samples.peaky_voice(0.05), 4.0)
    ordered = order(source, profile=profile)

    conversion = await converter.convert(ordered, ignore)

    published = samples.listen(ordered.audio)
    assert published.codec == codec
    assert published.tags["title"] == "봄날, live"
    assert published.seconds == pytest.approx(4.0, abs=PADDING_SECONDS)
    assert published.true_peak_db <= CEILING_DBTP
    assert published.lufs == pytest.approx(conversion.loudness.output_lufs, abs=METER_DB)
    assert samples.can_seek(ordered.audio, 2.5)


async def test_the_waveform_matches_the_published_audio(converter, order, tmp_path):
    source = samples.write(tmp_path / "source", lambda t: samples.tone(0.05)(t) if t >= 1.5 else 0.0, 3.0)
    ordered = order(source)

    conversion = await converter.convert(ordered, ignore)

    waveform = json.loads(ordered.waveform.read_bytes())
    assert waveform["version"] == 1
    assert waveform["durationSeconds"] == pytest.approx(conversion.duration_seconds, abs=0.001)
    assert len(waveform["peaks"]) == 800
    assert all(-1 <= low <= high <= 1 for low, high in waveform["peaks"])
    assert all(max(-low, high) < 0.02 for low, high in waveform["peaks"][:390])
    loud = waveform["peaks"][420:780]
    published_peak = 10 ** (conversion.loudness.true_peak_db / 20)
    # The waveform is taken before encoding, which moves peaks.
    assert max(high for _, high in loud) == pytest.approx(published_peak, rel=0.1)
    assert min(low for low, _ in loud) == pytest.approx(-published_peak, rel=0.1)
    assert max(len(f"{abs(value)}") for pair in waveform["peaks"] for value in pair) <= len("0.1234")


async def test_high_peaks_are_limited_and_the_target_loudness_is_still_reached(converter, order, tmp_path):
    source = samples.write(tmp_path / "source", samples.peaky_voice(), 6.0)
    before = samples.listen(source)
    over = before.true_peak_db + (TARGET_LUFS - before.lufs) - CEILING_DBTP
    assert 2 < over < 5.5  # too loud without a limiter, and within its 6 dB

    ordered = order(source)
    await converter.convert(ordered, ignore)

    published = samples.listen(ordered.audio)
    assert published.lufs == pytest.approx(TARGET_LUFS, abs=PROMISED_LU)
    assert published.true_peak_db <= CEILING_DBTP


async def test_the_gain_is_reduced_if_the_limiter_would_exceed_6_db(converter, order, tmp_path):
    def clicks(t):
        return samples.chord(0.004)(t) + (0.8 if t % 1.0 < 0.0005 else 0.0)

    ordered = order(samples.write(tmp_path / "source", clicks, 4.0, "wav"))

    conversion = await converter.convert(ordered, ignore)

    published = samples.listen(ordered.audio)
    assert published.true_peak_db <= CEILING_DBTP
    assert published.lufs < TARGET_LUFS - 3
    assert conversion.loudness.output_lufs == pytest.approx(published.lufs, abs=METER_DB)


async def test_a_whisper_is_raised_by_30_db_at_most(converter, order, tmp_path):
    source = samples.write(tmp_path / "source", samples.chord(0.004), 3.0, "flac")
    ordered = order(source)

    conversion = await converter.convert(ordered, ignore)

    assert conversion.loudness.input_lufs == pytest.approx(samples.listen(source).lufs, abs=METER_DB)
    assert conversion.loudness.input_lufs < TARGET_LUFS - MAX_GAIN_DB - 5
    raised = conversion.loudness.input_lufs + MAX_GAIN_DB
    assert samples.listen(ordered.audio).lufs == pytest.approx(raised, abs=0.3)  # AAC changes the loudness


async def test_loud_audio_is_turned_down(converter, order, tmp_path):
    source = samples.write(tmp_path / "source", samples.tone(0.99, 997), 3.0, "wav")
    ordered = order(source)

    await converter.convert(ordered, ignore)

    assert samples.listen(ordered.audio).lufs == pytest.approx(TARGET_LUFS, abs=PROMISED_LU)


async def test_mono_and_stereo_are_equally_loud(converter, order, tmp_path):
    mono = order(samples.write(tmp_path / "mono", samples.chord(), 3.0, "webm-opus"))
    stereo = order(samples.write(tmp_path / "stereo", samples.chord(), 3.0, "ogg-opus"))

    await converter.convert(mono, ignore)
    await converter.convert(stereo, ignore)

    # Each was encoded twice, which changes the loudness.
    assert samples.listen(mono.audio).lufs == pytest.approx(samples.listen(stereo.audio).lufs, abs=0.2)


async def test_silence_stays_silence(converter, order, tmp_path):
    ordered = order(samples.write(tmp_path / "source", samples.silence, 3.0))

    conversion = await converter.convert(ordered, ignore)

    assert conversion.loudness == Loudness(None, None, None, LoudnessLimit.SILENCE)
    assert conversion.duration_seconds == pytest.approx(3.0, abs=PADDING_SECONDS)
    assert samples.listen(ordered.audio).true_peak_db == float("-inf")
    assert json.loads(ordered.waveform.read_bytes())["peaks"] == [[0.0, 0.0]] * 800


async def test_a_recording_of_a_few_samples_still_has_800_peaks(converter, order, tmp_path):
    ordered = order(samples.write(tmp_path / "source", samples.tone(0.99), 0.01, "wav"))

    conversion = await converter.convert(ordered, ignore)

    assert conversion.duration_seconds == pytest.approx(0.01)
    assert len(json.loads(ordered.waveform.read_bytes())["peaks"]) == 800
    assert samples.listen(ordered.audio).true_peak_db <= CEILING_DBTP


async def test_sample_rate_and_channels_may_change_midway(converter, order, tmp_path):
    first = samples.write(tmp_path / "1", samples.chord(), 2.0, "adts-aac")
    second = samples.write(tmp_path / "2", samples.chord(), 2.0, "adts-stereo")
    both = tmp_path / "both"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    ordered = order(both)

    conversion = await converter.convert(ordered, ignore)

    published = samples.listen(ordered.audio)
    # Both halves are padded.
    assert conversion.duration_seconds == pytest.approx(4.0, abs=0.15)
    assert published.seconds == pytest.approx(4.0, abs=0.15)
    assert published.lufs == pytest.approx(TARGET_LUFS, abs=PROMISED_LU)


async def test_a_cover_picture_is_neither_decoded_nor_kept(converter, order, tmp_path):
    ordered = order(samples.write_with_cover(tmp_path / "source", samples.chord(), 3.0))

    conversion = await converter.convert(ordered, ignore)

    assert conversion.duration_seconds == pytest.approx(3.0, abs=PADDING_SECONDS)
    assert b"JFIF" not in ordered.audio.read_bytes()


async def test_tags_in_another_encoding_are_accepted(converter, order, tmp_path):
    source = samples.write(tmp_path / "source", samples.chord(), 1.0, "mp3")
    id3v1 = b"TAG" + "봄날".encode("cp949").ljust(30, b"\0") + bytes(95)
    source.write_bytes(source.read_bytes() + id3v1)
    without_id3v2 = tmp_path / "bare"
    without_id3v2.write_bytes(source.read_bytes()[source.read_bytes().index(b"\xff\xfb") :])

    for file in (source, without_id3v2):
        conversion = await converter.convert(order(file), ignore)
        assert conversion.duration_seconds == pytest.approx(1.0, abs=PADDING_SECONDS)


async def test_progress_rises_to_one(converter, order, tmp_path):
    seen: list[float] = []
    ordered = order(samples.write(tmp_path / "source", samples.chord(), 6.0))

    await converter.convert(ordered, seen.append)

    assert seen == sorted(set(seen))
    assert seen[-1] == 1.0
    assert all(0 <= fraction <= 1 for fraction in seen)


async def test_the_converter_starts_on_first_use_and_can_be_closed_twice(order, tmp_path):
    converter = ChildConverter()
    ordered = order(samples.write(tmp_path / "source", samples.chord(), 1.0))

    conversion = await converter.convert(ordered, ignore)
    await converter.close()
    await converter.close()

    assert conversion.duration_seconds == pytest.approx(1.0, abs=PADDING_SECONDS)


async def test_file_names_with_special_characters_are_accepted(converter, order, tmp_path):
    folder = tmp_path / "%03d:노래 'x'"
    folder.mkdir()
    source = samples.write(folder / "source", samples.chord(), 1.0)
    ordered = order(source, audio=folder / "a:b %d.m4a", waveform=folder / "w")

    await converter.convert(ordered, ignore)

    assert samples.listen(ordered.audio).seconds == pytest.approx(1.0, abs=PADDING_SECONDS)
