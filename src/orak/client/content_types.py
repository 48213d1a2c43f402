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
    """A file's name does not end as an audio file that orak accepts."""


def content_type_of(filename: str) -> str:
    """Return the media type under which orak accepts a file of this name. Raise `UnsupportedAudio`.

    Not the `mimetypes` module: that one asks the machine, and machines differ.
    """
    extension = PurePath(filename).suffix.removeprefix(".").lower()
    if extension not in _TYPES:
        raise UnsupportedAudio(f"{filename!r} does not end in one of: {', '.join(_TYPES)}")
    return _TYPES[extension]
