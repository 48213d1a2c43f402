"""Recognition of audio containers by their first bytes."""

from pathlib import Path

_LONGEST = 12
_ADTS_AND_MPEG_SYNC = 0xE0  # 11 set bits begin an MPEG audio frame (ISO/IEC 11172-3), 12 an ADTS frame


def has_audio_signature(path: Path) -> bool:
    """Return whether the file begins like a container that orak accepts.

    The result only selects a failure code: a file that the decoder cannot open is CORRUPT with such a
    signature and UNSUPPORTED_FORMAT without.
    """
    with path.open("rb") as file:
        start = file.read(_LONGEST)
    return (
        start.startswith((b"\x1aE\xdf\xa3", b"OggS", b"fLaC", b"ID3"))  # EBML, RFC 3533, RFC 9639, id3.org
        or start[4:8] in (b"ftyp", b"styp", b"moov", b"moof", b"mdat")  # ISO/IEC 14496-12
        or (start[:4] in (b"RIFF", b"RF64", b"BW64") and start[8:12] == b"WAVE")  # EBU Tech 3306
        or (len(start) > 1 and start[0] == 0xFF and start[1] & _ADTS_AND_MPEG_SYNC == _ADTS_AND_MPEG_SYNC)
    )
