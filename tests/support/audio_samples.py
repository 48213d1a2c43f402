"""Test audio of known loudness and duration in every accepted container, and hostile files.

`listen` measures a file with ffmpeg's own meter, independent of orak.
"""

import math
import random
import struct
import wave
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
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
    "m4a-aac-8k": Kind("ipod", "aac", rate=8_000),
    "m4a-aac-16k": Kind("ipod", "aac", layout="stereo", rate=16_000),
    "ogg-opus": Kind("ogg", "libopus", layout="stereo"),
    "mka-flac": Kind("matroska", "flac", layout="stereo", rate=44_100),
    "mov-aac": Kind("mov", "aac", layout="stereo"),
    "3gp-aac": Kind("3gp", "aac"),
    "3gp-amr": Kind("3gp", "amr_nb", rate=8_000),
    "latm-aac": Kind("latm", "aac", codec_options=(("flags", "global_header"),)),
    "caf-alac": Kind("caf", "alac", layout="stereo", rate=44_100),
    "mka-opus": Kind("matroska", "libopus"),
    "mka-mp3-live": Kind("matroska", "libmp3lame", options=(("live", "1"),)),
    "mka-pcm-live": Kind("matroska", "pcm_s16le", options=(("live", "1"),)),
    "mov-pcm": Kind("mov", "pcm_s16be", layout="stereo", rate=44_100),
    "ogg-vorbis": Kind("ogg", "vorbis", layout="stereo", codec_options=(("strict", "experimental"),)),
    "ogg-vorbis-22k": Kind(
        "ogg", "vorbis", layout="stereo", rate=22_050, codec_options=(("strict", "experimental"),)
    ),
    "mp3": Kind("mp3", "libmp3lame", rate=44_100, layout="stereo"),
    "aiff": Kind("aiff", "pcm_s16be", layout="stereo", rate=44_100),
    "caf": Kind("caf", "pcm_f32be", layout="stereo", rate=44_100),
    "wav": Kind("wav", "pcm_s16le", rate=16_000),
    "flac": Kind("flac", "flac", rate=96_000),
    "flac-stereo": Kind("flac", "flac", layout="stereo"),
    "w64": Kind("w64", "pcm_s24le", layout="stereo", rate=44_100),
    "rf64": Kind("wav", "pcm_f32le", options=(("rf64", "always"),)),
    "adpcm": Kind("wav", "adpcm_ms", rate=22_050),
    "amr": Kind("amr", "amr_nb", rate=8_000),
    "adts-aac": Kind("adts", "aac", rate=44_100),
    "adts-stereo": Kind("adts", "aac", layout="stereo"),
}


_AMR_FRAME = bytes.fromhex("3c1e06e54001fd9f90921ffafc736a38c7884492b2d7d3fd612592778f5a1da0")
"""20 ms of 400 Hz at 12.2 kb/s, with its header (RFC 4867 §5.3)."""

Span = tuple[float, float]
"""From one second to another."""


def write(
    path: Path, sound: Sound, seconds: float, kind: str = "webm-opus", dropped: Sequence[Span] = ()
) -> Path:
    """Write *sound* to *path* with tags that must not be published; return *path*.

    The packets that begin in *dropped* are left out, and the others keep their timestamps. AMR, for which
    not every PyAV has an encoder, always contains 400 Hz.
    """
    k = KINDS[kind]
    if k.codec == "amr_nb":
        return _write_amr(path, seconds, k.container)
    with av.open(str(path), "w", format=k.container, container_options=dict(k.options)) as container:
        container.metadata["title"] = "someone's secret"
        container.metadata["comment"] = "private"
        stream = container.add_stream(k.codec, rate=k.rate, layout=k.layout, options=dict(k.codec_options))
        assert isinstance(stream, AudioStream)
        for frame in (*frames(sound, seconds, k.rate, k.layout), None):
            for packet in stream.encode(frame):
                at = packet.pts * packet.time_base
                if not any(start <= at < end for start, end in dropped):
                    container.mux(packet)
    return path


def _write_amr(path: Path, seconds: float, container: str) -> Path:
    data = b"#!AMR\n" + _AMR_FRAME * round(seconds * 50)
    with av.open(BytesIO(data), format="amr") as source, av.open(str(path), "w", format=container) as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
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


def write_formula(
    path: Path,
    formula: str,
    seconds: float,
    kind: str = "flac",
    filters: Iterable[tuple[str, str]] = (),
    **codec_options: str,
) -> Path:
    """Write the sound of a *formula* of ffmpeg's `aevalsrc`, one expression a channel; return *path*.

    libavfilter computes it, a hundred times faster than `write`.
    """
    k = KINDS[kind]
    graph = av.filter.Graph()
    source = graph.add("aevalsrc", f"exprs={formula}:s={RATE}:d={seconds}")
    nodes = [graph.add(name, arguments) for name, arguments in filters]
    sample_format = av.Codec(k.codec, "w").audio_formats[0].name
    shape = f"sample_fmts={sample_format}:sample_rates={k.rate}:channel_layouts={k.layout}"
    sink = graph.add("abuffersink")
    graph.link_nodes(
        source, *nodes, graph.add("aformat", shape), graph.add("asetnsamples", "n=960:p=0"), sink
    ).configure()
    options = {**dict(k.codec_options), **codec_options}
    with av.open(str(path), "w", format=k.container, container_options=dict(k.options)) as container:
        stream = container.add_stream(k.codec, rate=k.rate, layout=k.layout, options=options)
        assert isinstance(stream, AudioStream)
        while True:
            try:
                frame = sink.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                break
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def claps(decay: float, period: float, level: float = 0.4) -> str:
    """Return a formula for stereo claps: bursts of noise that fade by e^-decay a second."""
    side = "{level}*(random({seed})-0.5)*exp(-{decay}*mod(t\\,{period}))"
    return "|".join(
        side.format(level=level, seed=seed, decay=decay * (1 - 0.25 * seed), period=period) for seed in (0, 1)
    )


def kicks(hertz: float, decay: float, period: float) -> str:
    """Return a formula for mono drum strokes: a tone that fades by e^-decay a second."""
    return f"0.8*sin(2*PI*{hertz}*mod(t\\,{period}))*exp(-{decay}*mod(t\\,{period}))"


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


def write_film(path: Path, sound: Sound, seconds: float, container: str, starts: float = 0.0) -> Path:
    """Write a film whose sound begins *starts* seconds after its picture; return *path*."""
    picture_codec, sound_codec = {"webm": ("libvpx", "libopus"), "mp4": ("mpeg4", "aac")}[container]
    with av.open(str(path), "w", format=container) as film:
        pictures = film.add_stream(picture_codec, rate=10)
        pictures.width = pictures.height = 64
        pictures.pix_fmt = "yuv420p"
        track = film.add_stream(sound_codec, rate=RATE, layout="mono")
        assert isinstance(track, AudioStream)
        for n in range(round((starts + seconds) * 10)):
            picture = VideoFrame(64, 64, "yuv420p")
            picture.pts = n
            film.mux(pictures.encode(picture))
        film.mux(pictures.encode(None))
        for frame in (*frames(sound, seconds, RATE, "mono"), None):
            if frame is not None:
                frame.pts += round(starts * RATE)
            film.mux(track.encode(frame))
    return path


def cut_by_edit_list(path: Path, seconds: float) -> Path:
    """Hide the first *seconds* of an M4A as an editor does, by its edit list; return *path*."""
    data = bytearray(path.read_bytes())
    entry = data.index(b"elst") + 12  # the type, version and flags, and the number of entries
    duration, start, speed = struct.unpack_from(">IiI", data, entry)
    scale = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)[0]
    struct.pack_into(
        ">IiI", data, entry, duration - round(seconds * scale), start + round(seconds * RATE), speed
    )
    path.write_bytes(data)
    return path


def write_two_tracks(path: Path, unreadable: str) -> Path:
    """Write two seconds of an MP4 with a better track that cannot be decoded and a stereo one; return *path*.

    The better track is "unknown", the like of a phone's spatial recording, or "damaged".
    """
    with av.open(str(path), "w", format="mp4") as container:
        tracks = [container.add_stream("aac", rate=RATE, layout=layout) for layout in ("quad", "stereo")]
        for track, layout, rate in zip(tracks, ("quad", "stereo"), (256_000, 96_000), strict=True):
            track.bit_rate = rate
            for frame in (*frames(tone(), 2.0, RATE, layout), None):
                for packet in track.encode(frame):
                    if unreadable == "damaged" and layout == "quad":
                        packet.update(b"\x55" * packet.size)
                    container.mux(packet)
    if unreadable == "unknown":
        path.write_bytes(path.read_bytes().replace(b"mp4a", b"apac", 1).replace(b"esds", b"free", 1))
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


def write_wav(path: Path, levels: Iterable[int] = (), rate: int = RATE) -> Path:
    """Write a mono WAV file with these 16-bit samples; return *path*."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(array("h", levels).tobytes())
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


def last_timestamp(path: Path) -> float:
    """Return when the last packet of *path* ends, by the container, in seconds."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(audio=0) if p.pts is not None and p.duration is not None]
        return max(float((p.pts + p.duration) * p.time_base) for p in packets)


def can_seek(path: Path, seconds: float) -> bool:
    """Return whether seeking to *seconds* lands there, or up to 1 s earlier (Ogg)."""
    with av.open(str(path)) as container:
        container.seek(round(seconds * 1_000_000))
        frame = next(container.decode(audio=0))
        return frame.time is not None and seconds - 1.1 < frame.time < seconds + 0.1


def waveform(path: Path, pairs: int = 800) -> list[tuple[float, float]]:
    """Return the lowest and highest sample of each part of *path*, over all channels."""
    channels: list[array[float]] = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            channels = channels or [array("f") for _ in frame.planes]
            for channel, plane in zip(channels, frame.planes, strict=True):
                channel.frombytes(bytes(plane)[: 4 * frame.samples])
    borders = [len(channels[0]) * part // pairs for part in range(pairs + 1)]
    parts = [
        [channel[start : max(end, start + 1)] for channel in channels] for start, end in pairwise(borders)
    ]
    return [(min(map(min, part)), max(map(max, part))) for part in parts]


def write_silence(path: Path, seconds: int) -> Path:
    """Write *seconds* of silence quickly, by repeating one encoded second; return *path*.

    ADTS needs no file header, so its frames can be concatenated.
    """
    write(path, silence, 1.0, "adts-stereo")
    path.write_bytes(path.read_bytes() * seconds)
    return path


def written_wav(
    channels: Sequence[Sound],
    seconds: float,
    *,
    bits: int = 16,
    encoding: int = 1,
    mask: int | None = None,
    rate: int = RATE,
) -> bytes:
    """Return a WAV file with one sound a channel.

    *encoding* is 1 for integers and 3 for floats; a *mask* of speakers makes the header extensible.
    """
    formats = {(1, 8): "B", (1, 16): "<h", (1, 32): "<i", (3, 32): "<f", (3, 64): "<d"}
    packed = struct.Struct(formats[encoding, bits]).pack
    data = b"".join(
        packed(_quantised(channel(n / rate), bits) if encoding == 1 else channel(n / rate))
        for n in range(round(seconds * rate))
        for channel in channels
    )
    width = len(channels) * bits // 8
    tag = encoding if mask is None else 0xFFFE
    header = struct.pack("<HHIIHH", tag, len(channels), rate, rate * width, width, bits)
    if mask is not None:
        guid = struct.pack("<H", encoding) + bytes.fromhex("000000001000800000aa00389b71")
        header += struct.pack("<HHI", 22, bits, mask) + guid
    body = b"WAVE" + chunk(b"fmt ", header) + chunk(b"data", data)
    return chunk(b"RIFF", body)


def chunk(name: bytes, body: bytes) -> bytes:
    """Return a RIFF chunk."""
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def _quantised(sample: float, bits: int) -> int:
    level = round(max(-1.0, min(1.0, sample)) * (2 ** (bits - 1) - 1))
    return level + 128 if bits == 8 else level  # 8-bit WAV is unsigned


def quicktime(label: int, channels: int = 4, seconds: float = 2.0) -> bytes:
    """Return a QuickTime file of 440 Hz whose `chan` atom gives every channel the same *label*.

    Labels are those of Core Audio: 0 is "unused", 1 is "left". libav then has a custom channel order.
    """
    count = round(seconds * RATE)
    sound = b"".join(struct.pack("<h", round(6000 * tone(1.0)(n / RATE))) * channels for n in range(count))
    label_each = struct.pack(">II3f", label, 0, 0, 0, 0) * channels
    entry = _atom(
        b"sowt",
        bytes(6) + struct.pack(">HHHIHHHHI", 1, 1, 0, 0, channels, 16, 0, 0, RATE << 16),
        struct.pack(">IIII", 1, 2, 2 * channels, 2),
        _full_atom(b"chan", struct.pack(">III", 0, 0, channels) + label_each),
    )
    start = _atom(b"ftyp", b"qt  ", struct.pack(">I", 0x200), b"qt  ")
    table = _atom(
        b"stbl",
        _full_atom(b"stsd", struct.pack(">I", 1) + entry),
        _full_atom(b"stts", struct.pack(">III", 1, count, 1)),
        _full_atom(b"stsc", struct.pack(">IIII", 1, 1, count, 1)),
        _full_atom(b"stsz", struct.pack(">II", 2 * channels, count)),
        _full_atom(b"stco", struct.pack(">II", 1, len(start) + 8)),
    )
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    data_reference = _full_atom(b"dref", struct.pack(">I", 1) + struct.pack(">I", 12) + b"url \0\0\0\1")
    media = _atom(
        b"mdia",
        _full_atom(b"mdhd", struct.pack(">IIIIHH", 0, 0, RATE, count, 0x55C4, 0)),
        _full_atom(b"hdlr", b"mhlrsoun" + bytes(13)),
        _atom(b"minf", _full_atom(b"smhd", bytes(4)), _atom(b"dinf", data_reference), table),
    )
    track_header = struct.pack(">IIIII", 0, 0, 1, 0, count) + bytes(8) + struct.pack(">HHHH", 0, 0, 256, 0)
    track = _atom(b"trak", _full_atom(b"tkhd", track_header + matrix + bytes(8), flags=7), media)
    movie_header = struct.pack(">IIIIIH", 0, 0, RATE, count, 0x10000, 0x100) + bytes(10) + matrix + bytes(24)
    movie = _atom(b"moov", _full_atom(b"mvhd", movie_header + struct.pack(">I", 2)), track)
    return start + _atom(b"mdat", sound) + movie


def _atom(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + name + body


def _full_atom(name: bytes, body: bytes, flags: int = 0) -> bytes:
    return _atom(name, struct.pack(">I", flags), body)


def levels(path: Path, hertz: float, step: float = 0.25) -> list[tuple[float, float]]:
    """Return how loud a tone of *hertz* is on both sides of *path*, for each *step* seconds.

    1.0 is a full-scale sine (Goertzel's algorithm).
    """
    left, right = channels(path)
    count = round(step * RATE)
    starts = range(0, len(left) - count + 1, count)
    return [(_level(left[n : n + count], hertz), _level(right[n : n + count], hertz)) for n in starts]


def channels(path: Path) -> "list[array[float]]":
    """Decode *path* to two channels of samples at 48 kHz."""
    sides = [array("f"), array("f")]
    resampler = av.AudioResampler("fltp", "stereo", RATE)
    with av.open(str(path)) as container:
        for frame in (*container.decode(audio=0), None):
            for converted in resampler.resample(frame):
                for side, plane in zip(sides, converted.planes, strict=True):
                    side.frombytes(bytes(plane)[: 4 * converted.samples])
    return sides


def _level(samples: "array[float]", hertz: float) -> float:
    turn = 2 * math.pi * hertz / RATE
    cosine = sum(sample * math.cos(turn * n) for n, sample in enumerate(samples))
    sine = sum(sample * math.sin(turn * n) for n, sample in enumerate(samples))
    return 2 * math.hypot(cosine, sine) / len(samples)
