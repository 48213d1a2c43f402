from pathlib import PurePath

_TYPES = {
    **dict.fromkeys(("webm", "weba"), "audio/webm"),
    **dict.fromkeys(("ogg", "oga", "opus", "ogv"), "audio/ogg"),
    **dict.fromkeys(("m4a", "mp4", "m4b"), "audio/mp4"),
    **dict.fromkeys(("qta", "mov"), "audio/quicktime"),
    **dict.fromkeys(("3gp", "3gpp"), "audio/3gpp"),
    "aac": "audio/aac",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    **dict.fromkeys(("aiff", "aif"), "audio/aiff"),
    "caf": "audio/x-caf",
    **dict.fromkeys(("mka", "mkv"), "audio/x-matroska"),
}
"""The content type to send for each extension that orak accepts."""


class UnsupportedAudio(ValueError):
    """The file's extension is not one that orak accepts."""


def content_type_of(filename: str) -> str:
    """Return the media type that orak accepts for this file name's extension.

    The `mimetypes` module is not used because its table differs between machines.

    Raises:
        UnsupportedAudio: orak does not accept the extension.
    """
    extension = PurePath(filename).suffix.removeprefix(".").lower()
    if extension not in _TYPES:
        raise UnsupportedAudio(f"{filename!r} does not end in one of: {', '.join(_TYPES)}")
    return _TYPES[extension]
