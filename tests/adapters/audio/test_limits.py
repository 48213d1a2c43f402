"""What a conversion may use, and how its work is counted."""

import subprocess
import sys
from pathlib import Path

import pytest

import audio_samples as samples
from orak.adapters.audio.conversion import convert
from orak.adapters.audio.limits import MAX_PASSES, ConversionLimits, most_work, weight
from orak.adapters.audio.machine import slowness
from orak.adapters.audio.messages import Task
from orak.domain.audio import AudioProfile


def work_of(source: Path) -> float:
    """Convert *source* in this process and return its work."""
    task = Task(
        source=str(source),
        audio=f"{source}.m4a",
        spare=f"{source}.spare",
        waveform=f"{source}.json",
        profile=AudioProfile.AAC_128,
        title="t",
        max_duration_seconds=60,
        limits=ConversionLimits(),
    )
    counted = [0.0]
    convert(task, source, progress=lambda _: None, decoded=counted.append)
    assert counted == sorted(counted)
    return counted[-1]


def test_work_is_the_audio_of_all_passes(tmp_path):
    source = samples.write(tmp_path / "source", samples.chord(), 3.0, "ogg-opus")

    assert work_of(source) == pytest.approx(3 * 3.0, abs=0.2)  # measured, encoded, heard


def test_where_no_promise_is_near_only_loud_parts_are_heard(tmp_path):
    swell = samples.write_formula(tmp_path / "source", "0.1*sin(2*PI*440*t)*exp(-abs(t-6))", 12.0, "ogg-opus")

    assert 2 * 12.0 < work_of(swell) < 2.5 * 12.0


def test_more_encodings_are_more_work(tmp_path):
    source = samples.write_formula(tmp_path / "source", samples.claps(9, 0.5), 3, "flac-stereo")

    assert 5 * 3.0 < work_of(source) <= MAX_PASSES * 3.2


@pytest.mark.parametrize(
    ("channels", "rate", "weighs"),
    [(1, 8_000, 1), (2, 48_000, 1), (2, 96_000, 2), (6, 48_000, 3), (8, 48_000, 4), (64, 384_000, 4)],
)
def test_a_second_of_many_channels_weighs_more(channels, rate, weighs):
    assert weight(channels, rate) == weighs


def test_allowances_grow_with_the_work_and_with_a_slow_machine():
    limits = ConversionLimits()
    slow = ConversionLimits(slowness=3.0)

    assert limits.cpu_after(0) == 10
    assert limits.cpu_after(3600) == 370
    assert slow.cpu_after(3600) == 3 * 370
    assert limits.wall_clock(0, 3600) == 60 + 4 * 10
    assert limits.wall_clock(3600, 3600) == 60 + 4 * 370


def test_a_child_that_claims_too_much_work_gets_no_more_time():
    limits = ConversionLimits()

    assert limits.wall_clock(1e12, 60) == limits.wall_clock(most_work(60), 60)


def test_the_factor_for_this_machine_is_bounded_and_measured_once():
    assert 1.0 <= slowness() <= 8.0
    assert slowness() == slowness()


_LARGER_FILES = """
import resource
from orak.adapters.audio.limits import ConversionLimits
from orak.adapters.audio.sandbox import confine, larger_files

limits = ConversionLimits(output_bytes=1000, output_bytes_per_second=1, kept_sample_bytes=5000)
confine(limits, 60)
with larger_files(5000) as most:
    print(most, resource.getrlimit(resource.RLIMIT_FSIZE)[0])
print(*resource.getrlimit(resource.RLIMIT_FSIZE))
with larger_files(5000) as most:
    print(most, resource.getrlimit(resource.RLIMIT_FSIZE)[0])
"""


def test_files_may_be_larger_once_and_never_again():
    printed = subprocess.run(
        [sys.executable, "-c", _LARGER_FILES], check=True, stdout=subprocess.PIPE, text=True
    )
    assert printed.stdout.splitlines() == ["5000 5000", "1060 1060", "1060 1060"]
