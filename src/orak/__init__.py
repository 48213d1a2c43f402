"""The recording service of a karaoke app, as a library.

async with orak.running(orak.Settings(data_dir=folder)) as use_cases:
    signed = await use_cases.request_upload(actor, orak.NewUpload("take.webm", size, "audio/webm"))
"""

from importlib import import_module
from typing import TYPE_CHECKING

from orak.version import __version__

if TYPE_CHECKING:
    from orak.application.records.create_record import NewRecord
    from orak.application.uploads.request_upload import NewUpload
    from orak.application.use_cases import Policies, Ports, UseCases, build_use_cases
    from orak.domain.actor import Actor
    from orak.domain.identity import UserId
    from orak.entrypoints.running import running
    from orak.entrypoints.settings.values import Settings

__all__ = [
    "Actor",
    "NewRecord",
    "NewUpload",
    "Policies",
    "Ports",
    "Settings",
    "UseCases",
    "UserId",
    "__version__",
    "build_use_cases",
    "running",
]

_HOME = {
    "Actor": "orak.domain.actor",
    "NewRecord": "orak.application.records.create_record",
    "NewUpload": "orak.application.uploads.request_upload",
    "Policies": "orak.application.use_cases",
    "Ports": "orak.application.use_cases",
    "Settings": "orak.entrypoints.settings.values",
    "UseCases": "orak.application.use_cases",
    "UserId": "orak.domain.identity",
    "build_use_cases": "orak.application.use_cases",
    "running": "orak.entrypoints.running",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562): `orak --help` uses none of them."""
    if name not in _HOME:
        raise AttributeError(f"module 'orak' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
