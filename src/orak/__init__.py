"""The recording service of a karaoke app, as a library.

async with orak.running(orak.Settings(data_dir=folder)) as use_cases:
    signed = await use_cases.request_upload(actor, orak.NewUpload("take.webm", size, "audio/webm"))
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orak.application.records.create_record import NewRecord
    from orak.application.uploads.request_upload import NewUpload
    from orak.application.use_cases import UseCases
    from orak.domain.actor import Actor
    from orak.domain.identity import UserId
    from orak.entrypoints.running import running
    from orak.entrypoints.settings.values import Settings

__version__ = "0.1.0"

__all__ = ["Actor", "NewRecord", "NewUpload", "Settings", "UseCases", "UserId", "__version__", "running"]

_HOME = {
    "Actor": "orak.domain.actor",
    "NewRecord": "orak.application.records.create_record",
    "NewUpload": "orak.application.uploads.request_upload",
    "Settings": "orak.entrypoints.settings.values",
    "UseCases": "orak.application.use_cases",
    "UserId": "orak.domain.identity",
    "running": "orak.entrypoints.running",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: `orak --help` needs none of them (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'orak' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
