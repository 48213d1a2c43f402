"""An MP4 file of one AAC track, with its index first (ISO/IEC 14496-12 and 14496-14).

libav's muxer keeps 72 bytes a packet until the end, which is 6 MB for half an hour. This one keeps the four
that end up in the index, and reserves the index's place, so it writes the sound once.
"""

import struct
import sys
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Self

import av
from av.audio.stream import AudioStream

from orak.adapters.audio.decoding import RATE

_PACKET_SAMPLES = 1024
_DELAY_SAMPLES = 1024
"""The encoder's delay: what players skip."""

_CHUNK_PACKETS = 1024
_MOST_PACKETS_MORE = 4
"""How many packets more there may be than the samples fill: delay, the last part, and what flushing adds."""

_PACKETS_A_SECOND = -(-RATE // _PACKET_SAMPLES)
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNDETERMINED_LANGUAGE = 0x55C4
_FILE_TYPE = (b"M4A ", struct.pack(">I", 0x200), b"M4A isomiso2")


class Mp4File:
    """Writes packets of AAC into a file, and its index at the end.

    Use it as a context manager, and call `finish`.
    """

    def __init__(self, path: Path, title: str, samples: int) -> None:
        """Begin the file for at most *samples* of 48 kHz stereo."""
        most_packets = samples // _PACKET_SAMPLES + _MOST_PACKETS_MORE
        self._title = title
        self._sizes = array("I")
        self._durations: list[list[int]] = []  # [number of packets, samples of each]
        self._file: BinaryIO = path.open("wb")
        self._file.write(_box(b"ftyp", *_FILE_TYPE))
        self._index_at = self._file.tell()
        longest = _index(array("I", [0]) * most_packets, [[1, 1]] * _MOST_PACKETS_MORE, title, b"\0" * 64, 0)
        self._data_at = self._index_at + len(longest) + len(_box(b"free"))
        self._file.seek(self._data_at)
        self._file.write(_box(b"mdat"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, packets: "Iterable[av.Packet[AudioStream]]") -> None:
        """Append *packets*.

        Raises:
            OSError: the file cannot be written.
        """
        for packet in packets:
            data = memoryview(packet)
            self._file.write(data)
            self._sizes.append(len(data))
            samples = packet.duration or _PACKET_SAMPLES
            if self._durations and self._durations[-1][1] == samples:
                self._durations[-1][0] += 1
            else:
                self._durations.append([1, samples])

    def finish(self, configuration: bytes) -> None:
        """Write the index, with the encoder's *configuration* (AudioSpecificConfig).

        Raises:
            OSError: the file cannot be written.
            ValueError: there are more packets than the samples fill.
        """
        end = self._file.tell()
        first = self._data_at + len(_box(b"mdat"))
        index = _index(self._sizes, self._durations, self._title, configuration, first)
        room = self._data_at - self._index_at - len(index)
        if room < len(_box(b"free")):
            raise ValueError(f"{len(self._sizes)} packets are too many for the index")
        self._file.seek(self._data_at)
        self._file.write(struct.pack(">I", end - self._data_at))
        self._file.seek(self._index_at)
        self._file.write(index + _box(b"free", bytes(room - len(_box(b"free")))))


def _index(
    sizes: "array[int]", durations: list[list[int]], title: str, configuration: bytes, first: int
) -> bytes:
    """Return the `moov` box for packets of these *sizes*, the first of which is at *first* in the file."""
    total = sum(count * samples for count, samples in durations)
    # Movie and track count samples: an edit in another unit, rounded up, would reach beyond the media.
    heard = max(0, total - _DELAY_SAMPLES)
    table = _box(
        b"stbl",
        _full_box(b"stsd", struct.pack(">I", 1), _sample_entry(configuration, sizes, total)),
        _full_box(
            b"stts", struct.pack(">I", len(durations)), *(struct.pack(">II", *each) for each in durations)
        ),
        *_chunks(sizes, first),
        # Each packet needs the one before it (ISO/IEC 14496-12 §10.1, "roll").
        _full_box(b"sgpd", b"roll", struct.pack(">IIh", 2, 1, -1), version=1),
        _full_box(b"sbgp", b"roll", struct.pack(">III", 1, len(sizes), 1)),
    )
    media = _box(
        b"mdia",
        _full_box(b"mdhd", struct.pack(">IIIIHH", 0, 0, RATE, total, _UNDETERMINED_LANGUAGE, 0)),
        _full_box(b"hdlr", struct.pack(">I4s12x", 0, b"soun"), b"SoundHandler\0"),
        _box(
            b"minf",
            _full_box(b"smhd", bytes(4)),
            _box(b"dinf", _full_box(b"dref", struct.pack(">I", 1), _full_box(b"url ", flags=1))),
            table,
        ),
    )
    track_header = struct.pack(">IIIII8xHHHH", 0, 0, 1, 0, heard, 0, 1, 0x100, 0)
    edit = struct.pack(">IIIHH", 1, heard, _DELAY_SAMPLES, 1, 0)
    track = _box(
        b"trak",
        _full_box(b"tkhd", track_header, _MATRIX, bytes(8), flags=3),
        _box(b"edts", _full_box(b"elst", edit)),
        media,
    )
    header = struct.pack(">IIIIIH10x", 0, 0, RATE, heard, 0x10000, 0x100)
    next_track = struct.pack(">I", 2)
    return _box(b"moov", _full_box(b"mvhd", header, _MATRIX, bytes(24), next_track), track, _tags(title))


def _sample_entry(configuration: bytes, sizes: "array[int]", samples: int) -> bytes:
    average = 8 * sum(sizes) * RATE // max(1, samples)
    highest = max(average, 8 * _most_in_a_second(sizes))
    decoder = struct.pack(">BBBHII", 0x40, 0x15, 0, 0, highest, average)  # AAC, an audio stream
    stream = _descriptor(4, decoder, _descriptor(5, configuration))
    elementary = _descriptor(3, struct.pack(">HB", 1, 0), stream, _descriptor(6, b"\x02"))
    entry = struct.pack(">6xH8xHHHHI", 1, 2, 16, 0, 0, RATE << 16)
    return _box(b"mp4a", entry, _full_box(b"esds", elementary))


def _most_in_a_second(sizes: "array[int]") -> int:
    """Return the most bytes of any packets in a row that last a second."""
    most = within = 0
    for last, size in enumerate(sizes):
        within += size - (sizes[last - _PACKETS_A_SECOND] if last >= _PACKETS_A_SECOND else 0)
        most = max(most, within)
    return most


def _chunks(sizes: "array[int]", first: int) -> tuple[bytes, bytes, bytes]:
    """Return the boxes that place the packets: chunks of the same length, and a last one."""
    offsets, at = array("I"), first
    for start in range(0, len(sizes), _CHUNK_PACKETS):
        offsets.append(at)
        at += sum(sizes[start : start + _CHUNK_PACKETS])
    whole, rest = divmod(len(sizes), _CHUNK_PACKETS)
    runs = [(1, _CHUNK_PACKETS, 1)] * bool(whole) + [(whole + 1, rest, 1)] * bool(rest)
    return (
        _full_box(b"stsc", struct.pack(">I", len(runs)), *(struct.pack(">III", *run) for run in runs)),
        _full_box(b"stsz", struct.pack(">II", 0, len(sizes)), _big_endian(sizes)),
        _full_box(b"stco", struct.pack(">I", len(offsets)), _big_endian(offsets)),
    )


def _tags(title: str) -> bytes:
    handler = _full_box(b"hdlr", struct.pack(">I4s4s9x", 0, b"mdir", b"appl"))
    text = _box(b"data", struct.pack(">II", 1, 0), title.encode())  # 1: UTF-8
    return _box(b"udta", _full_box(b"meta", handler, _box(b"ilst", _box(b"\xa9nam", text))))


def _big_endian(numbers: "array[int]") -> bytes:
    swapped = array("I", numbers)
    if sys.byteorder == "little":
        swapped.byteswap()
    return swapped.tobytes()


def _descriptor(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">BB", tag, len(body)) + body


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def _full_box(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *parts)
