"""Settings of features that this release lacks.

Ignoring one could lift a limit or move data elsewhere. So they are accepted at values that ask for nothing,
and refused at others.
"""

import msgspec

from orak.entrypoints.settings.checks import InvalidSetting


class LaterSetting(msgspec.Struct, frozen=True):
    """A setting without effect, and the values at which it is accepted."""

    name: str
    meaning: str
    accepted: tuple[str, ...] = ()
    """0 and the default. An empty variable counts as unset and is always accepted."""

    def accepts(self, value: str) -> bool:
        """Return whether *value* asks for nothing that this release lacks."""
        value = value.strip()
        return not value or (value.lstrip("0") or "0" if value.isdecimal() else value) in self.accepted

    @property
    def hint(self) -> str:
        """What to do instead."""
        value = "".join(f" or set it to {value}" for value in self.accepted[-1:])
        return f"unset it{value} until a later release supports it"


LATER_SETTINGS = (
    LaterSetting("BACKLOG_LIMIT", "number of waiting uploads at which new ones are refused", ("0", "10000")),
    LaterSetting(
        "RATE_LIMIT_PRESIGNS_PER_MINUTE", "number of upload URLs for a user in a minute", ("0", "600")
    ),
    LaterSetting("QUOTA_BYTES_PER_DAY", "number of bytes that a user may upload in a day", ("0",)),
    LaterSetting("QUOTA_WAITING_TAKES", "number of uploads of a user that may wait at once", ("0",)),
    LaterSetting("MULTIPART_TTL_SECONDS", "number of seconds for a resumable upload", ("0", "86400")),
    LaterSetting("SIGN_IN_URL", "page that signs people in"),
)


def refuse(name: str, setting: LaterSetting) -> None:
    """Raise `InvalidSetting` for the variable *name*."""
    raise InvalidSetting(name, "is set, but this release does not support it", setting.hint)
