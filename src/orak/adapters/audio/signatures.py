"""Recognition of audio containers by their first bytes."""

from pathlib import Path

_LONGEST = 16
_ADTS_AND_MPEG_SYNC = 0xE0  # 11 set bits begin an MPEG audio frame (ISO/IEC 11172-3), 12 an ADTS frame
_W64 = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"  # the GUID of Sony Wave64

_ID3_HEADER_BYTES = 10
_ID3_FOOTER_FLAG = 0x10
_MOST_TAGS = 8


def has_audio_signature(path: Path) -> bool:
    """Return whether the file begins like a container that orak accepts.

    The result only selects a failure code: a file that the decoder cannot open is CORRUPT with such a
    signature and UNSUPPORTED_FORMAT without.
    """
    start = _read(path, 0, _LONGEST)
    return start.startswith(b"ID3") or _is_mpeg_audio(start) or _is_container(start)


def tag_length(path: Path) -> int:
    """Return the length of the ID3v2 tags in front of a container that libav reads only without them.

    Return 0 without such a tag. libav itself skips tags in front of MPEG audio and FLAC.
    """
    offset = 0
    for _ in range(_MOST_TAGS):
        start = _read(path, offset, _LONGEST)
        if not start.startswith(b"ID3"):
            return offset if _is_container(start) and not start.startswith(b"fLaC") else 0
        offset += _id3_length(start)
    return 0


def has_foreign_byte_order(path: Path, offset: int) -> bool:
    """Return whether a big-endian WAV file (RIFX) begins at *offset*."""
    return _read(path, offset, 4) == b"RIFX"


def _read(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def _id3_length(start: bytes) -> int:
    """Return the length of the ID3v2 tag that begins with *start* (id3.org, ID3v2.4 §3.1)."""
    length = 0
    for byte in start[6:_ID3_HEADER_BYTES]:
        length = length << 7 | byte & 0x7F
    footer = _ID3_HEADER_BYTES if len(start) > 5 and start[5] & _ID3_FOOTER_FLAG else 0
    return _ID3_HEADER_BYTES + length + footer


def _is_mpeg_audio(start: bytes) -> bool:
    return len(start) > 1 and start[0] == 0xFF and start[1] & _ADTS_AND_MPEG_SYNC == _ADTS_AND_MPEG_SYNC


def _is_container(start: bytes) -> bool:
    return (
        # EBML, RFC 3533, RFC 9639, RFC 4867, Apple's Core Audio Format, Sony Wave64
        start.startswith((b"\x1aE\xdf\xa3", b"OggS", b"fLaC", b"#!AMR", b"caff", _W64))
        or start[4:8] in (b"ftyp", b"styp", b"moov", b"moof", b"mdat")  # ISO/IEC 14496-12
        or (start[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and start[8:12] == b"WAVE")  # EBU Tech 3306
        or (start[:4] == b"FORM" and start[8:12] in (b"AIFF", b"AIFC"))
    )
