"""Notes on a call for its line in the access log: who called, and the code of the error."""

from typing import cast

from litestar.types import Scope

from orak.domain.identity import UserId

_CALLER = "orak.caller"
_CODE = "orak.code"


def note_caller(scope: Scope, user_id: UserId) -> None:
    """Note the user whose token the call has."""
    cast("dict[str, object]", scope["state"])[_CALLER] = user_id


def note_code(scope: Scope, code: str) -> None:
    """Note the code of the error that answers the call."""
    cast("dict[str, object]", scope["state"])[_CODE] = code


def noted(scope: Scope) -> tuple[UserId | None, str | None]:
    """Return the caller and the code, as far as they were noted."""
    state = cast("dict[str, object]", scope["state"])
    return cast("UserId | None", state.get(_CALLER)), cast("str | None", state.get(_CODE))
