"""The decoders, and a real conversion to each profile."""

import math
import time
import wave
from array import array
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from orak.application.ports.converter import ConversionBroke, ConversionOrder, DecoderDied, Unconvertible
from orak.application.ports.failures import Unavailable
from orak.domain.audio import AudioProfile
from orak.entrypoints.cli.finding import Finding, existing_folder
from orak.entrypoints.settings.values import Settings

if TYPE_CHECKING:
    from orak.adapters.audio.child_converter import ChildConverter

_DECODERS = ("opus", "vorbis", "aac", "mp3", "flac", "pcm_s16le")
_RATE, _HERTZ, _LEVEL = 48_000, 440, 0.3
_REINSTALL = "install the wheel of av again: `pip install --force-reinstall av`"


def check_decoders() -> Finding:
    """Check that PyAV can decode what clients send."""
    try:
        import av
        from av.codec import codecs_available
    except ImportError as error:
        return Finding("audio", "fail", f"PyAV cannot be imported: {error}", _REINSTALL)
    missing = [name for name in _DECODERS if name not in codecs_available]
    if missing:
        return Finding("audio", "fail", f"PyAV {av.__version__} lacks {', '.join(missing)}", _REINSTALL)
    return Finding("audio", "ok", f"PyAV {av.__version__} decodes {', '.join(_DECODERS)}")


async def check_conversions(settings: Settings) -> list[Finding]:
    """Convert a second of sound to each profile, on the disk that conversions use."""
    from orak.adapters.audio.child_converter import ChildConverter

    folder = None if settings.in_memory else existing_folder(settings.data_dir)
    try:
        with TemporaryDirectory(dir=folder, prefix=".doctor-", ignore_cleanup_errors=True) as temporary:
            source = Path(temporary) / "tone.wav"
            _write_tone(source)
            async with ChildConverter() as converter:
                return [
                    await _convert(converter, source, profile, is_used=profile is settings.audio_profile)
                    for profile in AudioProfile
                ]
    except OSError as error:
        return [
            Finding(
                "conversion",
                "fail",
                f"cannot write to {folder or 'the temporary folder'}: {error.strerror}",
                "free disk space, or let this user write there",
            )
        ]


async def _convert(
    converter: "ChildConverter", source: Path, profile: AudioProfile, *, is_used: bool
) -> Finding:
    audio = source.with_name(f"{profile.value}.{profile.extension}")
    order = ConversionOrder(
        source=source,
        audio=audio,
        waveform=source.with_name(f"{profile.value}.json"),
        profile=profile,
        title="orak doctor",
        max_duration_seconds=60,
    )
    began = time.perf_counter()
    try:
        done = await converter.convert(order, lambda _: None)
    except (Unavailable, Unconvertible, DecoderDied, ConversionBroke) as error:
        return Finding(
            profile.value, "fail" if is_used else "warn", str(error).partition("\n")[0], _hint(error)
        )
    seconds, size = time.perf_counter() - began, audio.stat().st_size
    return Finding(
        profile.value,
        "ok",
        f"{done.duration_seconds:.1f} s of sound in {seconds:.2f} s, {size / 1000:.0f} kB, "
        f"{done.loudness.output_lufs:.1f} LUFS" + (", AUDIO_PROFILE" if is_used else ""),
    )


def _hint(error: Exception) -> str:
    match error:
        case Unavailable():
            return "free disk space, and raise the limits of processes and memory of this user"
        case DecoderDied():
            return "give orak more memory: a conversion may need 1 GiB"
        case _:
            return _REINSTALL


def _write_tone(path: Path) -> None:
    samples = array(
        "h", (int(32767 * _LEVEL * math.sin(2 * math.pi * _HERTZ * n / _RATE)) for n in range(_RATE))
    )
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, _RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
