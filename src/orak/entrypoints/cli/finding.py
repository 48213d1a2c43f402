from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """The result of one check of `orak doctor`."""

    name: str
    level: Literal["ok", "warn", "fail"]
    detail: str
    hint: str | None = None
