from pathlib import PurePath

_TYPES = {
    "webm": "audio/webm",
    "ogg": "audio/ogg",
    "oga": "audio/ogg",
    "opus": "audio/ogg",
    "m4a": "audio/mp4",
    "mp4": "audio/mp4",
    "aac": "audio/aac",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
}


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
