from contextlib import AbstractAsyncContextManager
from typing import Protocol

from orak.application.ports.records import Records
from orak.application.ports.songs import Songs
from orak.application.ports.uploads import Uploads
from orak.application.ports.users import Users


class Transaction(Protocol):
    """One unit of work: all of its changes are stored, or none."""

    @property
    def uploads(self) -> Uploads: ...  # noqa: D102 - the type says it
    @property
    def records(self) -> Records: ...  # noqa: D102 - the type says it
    @property
    def songs(self) -> Songs: ...  # noqa: D102 - the type says it
    @property
    def users(self) -> Users: ...  # noqa: D102 - the type says it


class UnitOfWork(Protocol):
    """Begins transactions."""

    def __call__(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction: a clean exit commits, an exception rolls back.

        Call no storage, network or converter inside. Every call of a transaction may raise `Unavailable`.
        """
        ...
