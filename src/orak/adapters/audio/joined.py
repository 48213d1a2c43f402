"""Recordings that were joined by appending one file to another."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from orak.adapters.audio.signatures import tag_length

_BLOCK_BYTES = 1024 * 1024
_MOST_RECORDINGS = 1_000

_EBML = b"\x1aE\xdf\xa3"
_DOCTYPES = (b"\x42\x82\x84webm", b"\x42\x82\x88matroska")  # RFC 8794 §11.2.4
_EBML_HEADER_BYTES = 80
_OGG = b"OggS"
_FIRST_PAGE = b"OggS\x00\x02"  # version 0, "beginning of stream" (RFC 3533 §6)
_OGG_HEADER_BYTES = 27
_FLAC = b"fLaC"
_STREAMINFO = b"\x00\x00\x22"  # 34 bytes long, after the byte with its type (RFC 9639 §8.2)


class Recording(NamedTuple):
    """One of the recordings in a file: its bytes from *start* up to *end*."""

    path: Path
    start: int
    end: int

    @property
    def is_whole_file(self) -> bool:
        """Whether the file holds nothing else."""
        return self.start == 0 and self.end == self.path.stat().st_size


def recordings_in(path: Path) -> list[Recording]:
    """Return the recordings that were joined into the file at *path*; one if it was not joined.

    This knows the containers of which libav reads only the first recording, or the others with the first
    one's sample rate and channels: WebM, Ogg and FLAC. It leaves out tags in front. libav itself reads
    through joined MPEG audio.
    """
    begin = tag_length(path)
    with path.open("rb") as file:
        file.seek(begin)
        joints = _JOINTS.get(file.read(4))
        starts = [begin, *islice(joints(file, begin + 4), _MOST_RECORDINGS - 1)] if joints else [begin]
    ends = [*starts[1:], path.stat().st_size]
    return [Recording(path, start, end) for start, end in zip(starts, ends, strict=True)]


def _webm_joints(file: BinaryIO, begin: int) -> Iterator[int]:
    for at in _find(file, _EBML, begin):
        header = _read(file, at, _EBML_HEADER_BYTES)
        if any(doctype in header for doctype in _DOCTYPES):
            yield at


def _ogg_joints(file: BinaryIO, begin: int) -> Iterator[int]:
    """Yield where a link of the chain begins: the first of its streams' first pages."""
    group_end = _page_end(file, begin - len(_OGG))
    for at in _find(file, _FIRST_PAGE, begin):
        if at != group_end:
            yield at
        group_end = _page_end(file, at)


def _page_end(file: BinaryIO, at: int) -> int:
    header = _read(file, at, _OGG_HEADER_BYTES + 255)
    if len(header) < _OGG_HEADER_BYTES:
        return at
    table = header[_OGG_HEADER_BYTES : _OGG_HEADER_BYTES + header[_OGG_HEADER_BYTES - 1]]
    return at + _OGG_HEADER_BYTES + len(table) + sum(table)


def _flac_joints(file: BinaryIO, begin: int) -> Iterator[int]:
    return (at for at in _find(file, _FLAC, begin) if _read(file, at + 5, 3) == _STREAMINFO)


_JOINTS: Mapping[bytes, Callable[[BinaryIO, int], Iterator[int]]] = {
    _EBML: _webm_joints,
    _OGG: _ogg_joints,
    _FLAC: _flac_joints,
}


def _find(file: BinaryIO, wanted: bytes, begin: int) -> Iterator[int]:
    """Yield each position of *wanted* from *begin* on."""
    overlap = len(wanted) - 1
    while len(block := _read(file, begin, _BLOCK_BYTES)) > overlap:
        at = block.find(wanted)
        while at >= 0:
            yield begin + at
            at = block.find(wanted, at + 1)
        begin += len(block) - overlap


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)
