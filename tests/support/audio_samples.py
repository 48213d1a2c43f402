"""Test audio of known loudness and duration in every accepted container, and hostile files.

`listen` measures a file with ffmpeg's own meter, independent of orak.
"""

import math
import random
import struct
import wave
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame

RATE = 48_000

Sound = Callable[[float], float]
"""A function from a time in seconds to a sample from -1 to 1."""


def tone(level: float = 0.1, hertz: float = 440.0) -> Sound:
    """Return a sine tone."""
    return lambda t: level * math.sin(2 * math.pi * hertz * t)


def chord(level: float = 0.1) -> Sound:
    """Return a sound like music, with few peaks above its loudness."""
    partials = (220.0, 277.2, 329.6, 440.0, 1108.7)
    return lambda t: level * sum(math.sin(2 * math.pi * f * t + f) for f in partials) / len(partials)


def peaky_voice(level: float = 0.03) -> Sound:
    """Return a sound like a voice, with a much louder plosive twice a second."""
    voice = chord(level)

    def sample(t: float) -> float:
        since = t % 0.5
        burst = math.sin(2 * math.pi * 700 * since) * math.exp(-since * 250) if since < 0.05 else 0.0
        return voice(t) * (0.6 + 0.4 * math.sin(2 * math.pi * 2 * t)) + 1.2 * level * burst

    return sample


def silence(_t: float) -> float:
    return 0.0


@dataclass(frozen=True)
class Kind:
    """A container and codec that clients upload."""

    container: str
    codec: str
    layout: str = "mono"
    rate: int = RATE
    options: tuple[tuple[str, str], ...] = ()
    codec_options: tuple[tuple[str, str], ...] = ()


KINDS = {
    "webm-opus": Kind("webm", "libopus", options=(("live", "1"),)),
    "mp4-aac": Kind("mp4", "aac", rate=44_100, options=(("movflags", "frag_keyframe+empty_moov"),)),
    "m4a-aac": Kind("ipod", "aac", layout="stereo"),
    "ogg-opus": Kind("ogg", "libopus", layout="stereo"),
    "ogg-vorbis": Kind("ogg", "vorbis", layout="stereo", codec_options=(("strict", "experimental"),)),
    "mp3": Kind("mp3", "libmp3lame", rate=44_100, layout="stereo"),
    "wav": Kind("wav", "pcm_s16le", rate=16_000),
    "flac": Kind("flac", "flac", rate=96_000),
    "adts-aac": Kind("adts", "aac", rate=44_100),
    "adts-stereo": Kind("adts", "aac", layout="stereo"),
}


def write(path: Path, sound: Sound, seconds: float, kind: str = "webm-opus") -> Path:
    """Write *sound* to *path* with tags that must not be published; return *path*."""
    k = KINDS[kind]
    with av.open(str(path), "w", format=k.container, container_options=dict(k.options)) as container:
        container.metadata["title"] = "someone's secret"
        container.metadata["comment"] = "private"
        stream = container.add_stream(k.codec, rate=k.rate, layout=k.layout, options=dict(k.codec_options))
        assert isinstance(stream, AudioStream)
        for frame in frames(sound, seconds, k.rate, k.layout):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def frames(sound: Sound, seconds: float, rate: int, layout: str) -> Iterable[AudioFrame]:
    """Yield frames of a tenth of a second, with the same sound in every channel."""
    total, step = round(seconds * rate), rate // 10
    for start in range(0, total, step):
        samples = array("f", [sound(n / rate) for n in range(start, min(start + step, total))])
        frame = AudioFrame("fltp", layout, len(samples))
        for plane in frame.planes:
            plane.update(samples.tobytes())
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield frame


def write_with_cover(path: Path, sound: Sound, seconds: float) -> Path:
    """Write an MP3 with a cover picture; return *path*."""
    with av.open(str(path), "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=RATE, layout="stereo")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width = cover.height = 64
        cover.pix_fmt = "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = VideoFrame(64, 64, "yuvj420p")
        picture.pts = 0
        container.mux(cover.encode(picture))
        for frame in frames(sound, seconds, RATE, "stereo"):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_video(path: Path) -> Path:
    """Write one second of video without audio; return *path*."""
    with av.open(str(path), "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for n in range(10):
            picture = VideoFrame(64, 64, "yuv420p")
            picture.pts = n
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def write_empty_wav(path: Path) -> Path:
    """Write a WAV file without samples; return *path*."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
    return path


def write_lying_flac(path: Path, seconds: float) -> Path:
    """Write a FLAC file whose header claims half a second; return *path*.

    STREAMINFO has a 36-bit sample count (RFC 9639 §8.2).
    """
    write(path, silence, seconds, "flac")
    data = bytearray(path.read_bytes())
    start = 4 + 4 + 13  # "fLaC" and block header; the count's low 32 bits end at byte 18 of STREAMINFO
    data[start] &= 0xF0
    data[start + 1 : start + 5] = struct.pack(">I", 48_000)
    path.write_bytes(data)
    return path


def garbage(seed: int, size: int = 50_000) -> bytes:
    """Return random bytes, the same for each *seed*."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - the bytes must be repeatable, not secret


@dataclass(frozen=True)
class Measured:
    """The measurement of a file."""

    seconds: float
    lufs: float
    true_peak_db: float
    codec: str
    profile: str | None
    channels: int
    tags: dict[str, str]


def listen(path: Path) -> Measured:
    """Decode *path* and measure it like `ffmpeg -af ebur128=peak=true`."""
    lufs, peak, samples = -70.0, 0.0, 0
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        graph = av.filter.Graph()
        source = graph.add_abuffer(template=stream)
        sink = graph.add("abuffersink")
        graph.link_nodes(
            source, graph.add("ebur128", "peak=true:metadata=1:framelog=quiet"), sink
        ).configure()
        for frame in (*container.decode(stream), None):
            source.push(frame)
            samples += frame.samples if frame else 0
            while True:
                try:
                    found = sink.pull().metadata
                except (av.error.BlockingIOError, av.error.EOFError):
                    break
                lufs = float(found.get("lavfi.r128.I", lufs))
                peak = max(peak, float(found.get("lavfi.r128.true_peak", peak)))
        context = stream.codec_context
        return Measured(
            seconds=samples / context.sample_rate,
            lufs=lufs,
            true_peak_db=20 * math.log10(peak) if peak else -math.inf,
            codec=context.name,
            profile=context.profile,
            channels=context.channels,
            tags={**stream.metadata, **container.metadata},
        )


def can_seek(path: Path, seconds: float) -> bool:
    """Return whether seeking to *seconds* lands there, or up to 1 s earlier (Ogg)."""
    with av.open(str(path)) as container:
        container.seek(round(seconds * 1_000_000))
        frame = next(container.decode(audio=0))
        return frame.time is not None and seconds - 1.1 < frame.time < seconds + 0.1


def write_silence(path: Path, seconds: int) -> Path:
    """Write *seconds* of silence quickly, by repeating one encoded second; return *path*.

    ADTS needs no file header, so its frames can be concatenated.
    """
    write(path, silence, 1.0, "adts-stereo")
    path.write_bytes(path.read_bytes() * seconds)
    return path
