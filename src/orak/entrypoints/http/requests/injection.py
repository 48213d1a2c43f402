"""How handlers get what they work with: by name, from the running orak."""

from dataclasses import fields
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from litestar import Request
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import SkipValidation

from orak.application.use_cases import UseCases
from orak.domain.actor import Actor

T = TypeVar("T")

Injected: TypeAlias = NamedDependency[SkipValidation[T]]
"""A use case, or `running`, by the parameter's name; Litestar would validate it like a client's input."""

CallOf: TypeAlias = Request[Actor, datetime, State]
"""A request whose bearer is known, and until when the token is good."""

AnyCall: TypeAlias = Request[Any, Any, State]
"""A request of anyone's."""


def provided() -> dict[str, Provide]:
    """Every use case by its name on `UseCases`, and `running`, which holds them all."""

    def running(state: State) -> object:
        return state.running

    use_cases = {field.name: _use_case(field.name) for field in fields(UseCases)}
    return {"running": Provide(running, sync_to_thread=False), **use_cases}


def _use_case(name: str) -> Provide:
    # A name bound by a closure, not by a default: Litestar would read that as a parameter of the query.
    def use_case(state: State) -> object:
        return getattr(state.running.use_cases, name)

    return Provide(use_case, sync_to_thread=False)
