"""Both promises, loudness and true peak, for sounds that encoders and limiters find hard."""

import json
from contextlib import suppress

import pytest

import audio_samples as samples
from orak.application.ports.converter import Unconvertible
from orak.domain.audio import (
    CEILING_DBTP,
    TARGET_LUFS,
    AudioProfile,
    LoudnessLimit,
)
from orak.domain.processing import FailureCode

PROMISED_LU = 0.5

SINGER = (
    "0.05*(0.6+0.4*sin(4*PI*t))*(sin(2*PI*220*t)+0.6*sin(2*PI*440*t)+0.3*sin(2*PI*880*t))"
    "+0.35*sin(2*PI*700*mod(t\\,0.5))*exp(-250*mod(t\\,0.5))"
)
NOISE = "0.3*(random(0)-0.5)|0.3*(random(1)-0.5)"
HIGHPASS = ("highpass", "f=7000")

REACHABLE = {
    "claps": (samples.claps(9, 0.5), []),
    "dry claps": (samples.claps(20, 0.5), []),
    "hi-hat": (samples.claps(60, 0.125), [HIGHPASS]),
    "kick drum": (samples.kicks(55, 8, 0.5), []),
    "snare and tone": (f"{samples.kicks(180, 25, 0.33)}+0.05*sin(2*PI*440*t)", []),
    "singer with plosives": (SINGER, []),
    "white noise": (NOISE, []),
    "clipped": (f"{NOISE}", [("volume", "30dB"), ("aformat", "sample_fmts=s16")]),
    "square wave": ("0.5*(gte(sin(2*PI*220*t)\\,0)*2-1)", []),
    "sweep": ("0.5*sin(2*PI*(50*t+1200*t*t))", []),
    "quiet": (NOISE, [("volume", "-24dB")]),
}
UNREACHABLE = {
    "impulse": ("0.9*eq(floor(t*48000)\\,96000)", LoudnessLimit.HEADROOM),
    "rare clicks": ("0.9*lt(mod(t\\,1)\\,0.0005)", LoudnessLimit.HEADROOM),
    "-60 dBFS": ("0.001*sin(2*PI*440*t)", LoudnessLimit.SILENCE),
}


def ignore(_fraction: float) -> None:
    """Ignore progress."""


def assert_described(conversion, published):
    assert published.true_peak_db <= CEILING_DBTP
    assert conversion.loudness.output_lufs == pytest.approx(published.lufs, abs=0.1)
    assert conversion.loudness.true_peak_db == pytest.approx(published.true_peak_db, abs=0.1)


@pytest.mark.parametrize("seconds", [0.43, 0.495, 0.63, 1.02])
async def test_a_short_sound_is_measured_without_the_silence_after_it(seconds, converter, order, tmp_path):
    syllable = f"0.2*sin(2*PI*300*t)*(1-t/{seconds})"
    ordered = order(samples.write_formula(tmp_path / "source", syllable, seconds, "flac-stereo", []))

    conversion = await converter.convert(ordered, ignore)

    published = samples.listen(ordered.audio)
    assert published.lufs == pytest.approx(TARGET_LUFS, abs=PROMISED_LU)
    assert_described(conversion, published)


@pytest.mark.parametrize("sound", REACHABLE)
async def test_both_promises_are_kept(sound, converter, order, tmp_path):
    formula, filters = REACHABLE[sound]
    ordered = order(samples.write_formula(tmp_path / "source", formula, 8, "flac-stereo", filters))

    conversion = await converter.convert(ordered, ignore)

    published = samples.listen(ordered.audio)
    assert published.lufs == pytest.approx(TARGET_LUFS, abs=PROMISED_LU)
    assert_described(conversion, published)
    assert conversion.loudness.limited_by is None


@pytest.mark.parametrize("sound", ["claps", "singer with plosives"])
@pytest.mark.parametrize("profile", [AudioProfile.MP3_192, AudioProfile.OPUS_96])
async def test_every_profile_keeps_both_promises(profile, sound, converter, order, tmp_path):
    formula, filters = REACHABLE[sound]
    source = samples.write_formula(tmp_path / "source", formula, 8, "flac-stereo", filters)
    ordered = order(source, profile=profile)

    conversion = await converter.convert(ordered, ignore)

    published = samples.listen(ordered.audio)
    assert published.lufs == pytest.approx(TARGET_LUFS, abs=PROMISED_LU)
    assert_described(conversion, published)


@pytest.mark.parametrize(("decay", "period"), [(35, 0.2), (60, 0.31)])
async def test_the_true_peak_is_kept_and_the_reason_given_where_the_loudness_may_not_be_reached(
    decay, period, converter, order, tmp_path
):
    source = samples.write_formula(tmp_path / "source", samples.claps(decay, period), 6, "flac-stereo")
    ordered = order(source)

    conversion = await converter.convert(ordered, ignore)

    published = samples.listen(ordered.audio)
    assert_described(conversion, published)
    reached = published.lufs == pytest.approx(TARGET_LUFS, abs=PROMISED_LU)
    assert conversion.loudness.limited_by is (None if reached else LoudnessLimit.HEADROOM)


@pytest.mark.parametrize("sound", UNREACHABLE)
async def test_what_was_in_the_way_is_named(sound, converter, order, tmp_path):
    formula, limit = UNREACHABLE[sound]
    ordered = order(samples.write_formula(tmp_path / "source", formula, 5))

    conversion = await converter.convert(ordered, ignore)

    published = samples.listen(ordered.audio)
    assert published.lufs < TARGET_LUFS - PROMISED_LU
    assert_described(conversion, published)
    assert conversion.loudness.limited_by is limit


async def test_less_than_400_ms_has_no_loudness_and_is_not_raised(converter, order, tmp_path):
    ordered = order(samples.write(tmp_path / "source", samples.tone(0.1), 0.35, "wav"))

    conversion = await converter.convert(ordered, ignore)

    assert conversion.loudness.input_lufs is None
    assert conversion.loudness.limited_by is LoudnessLimit.SILENCE
    assert samples.listen(ordered.audio).true_peak_db == pytest.approx(-23, abs=1)  # -20 dBFS in two channels


async def test_after_several_encodings_the_waveform_is_that_of_the_published_one(converter, order, tmp_path):
    source = samples.write_formula(tmp_path / "source", samples.claps(9, 0.5), 8, "flac-stereo")
    ordered = order(source)

    await converter.convert(ordered, ignore)

    waveform = json.loads(ordered.waveform.read_bytes())["peaks"]
    published = samples.waveform(ordered.audio)
    assert len(published) == len(waveform)
    differences = [
        abs(level - other)
        for pair, published_pair in zip(waveform, published, strict=True)
        for level, other in zip(pair, published_pair, strict=True)
    ]
    assert sum(differences) / len(differences) < 0.05  # AAC moves single peaks of noise more
    assert sorted(path.name for path in ordered.audio.parent.iterdir()) == ["audio", "peaks"]


@pytest.mark.parametrize("count", [*range(1, 11), 12, 16])
async def test_a_few_samples_convert_or_are_empty(count, converter, order, tmp_path):
    ordered = order(samples.write_wav(tmp_path / "source", [9000, -9000] * count, 8000))

    with suppress(Unconvertible):
        conversion = await converter.convert(ordered, ignore)
        assert conversion.duration_seconds == pytest.approx(2 * count / 8000, abs=0.001)
        assert samples.listen(ordered.audio).true_peak_db <= CEILING_DBTP
        return
    with pytest.raises(Unconvertible) as refusal:
        await converter.convert(ordered, ignore)
    assert refusal.value.failure is FailureCode.EMPTY_AUDIO
