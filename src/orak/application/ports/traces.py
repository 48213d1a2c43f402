"""Distributed tracing, without the name of a library."""

from contextlib import AbstractContextManager
from typing import Protocol

Attribute = str | int | float | bool
"""The value of an attribute. It never holds a token, a signature, a file name or a title."""


class Span(Protocol):
    """A part of a trace: one operation with its beginning and end."""

    @property
    def records(self) -> bool:
        """Whether the span is recorded: a sampler leaves out most traces of a busy service."""
        ...

    @property
    def traceparent(self) -> str:
        """The place of the span in its trace, as another process receives it (W3C Trace Context §3.2)."""
        ...

    def note(self, **attributes: Attribute) -> None:
        """Add attributes; their names are `orak.` and the name of the argument."""
        ...

    def link(self, traceparent: str) -> None:
        """Link a span of another trace that this operation also belongs to."""
        ...


class Traces(Protocol):
    """Records spans. No call raises, waits, or does anything that orak depends on."""

    @property
    def records(self) -> bool:
        """Whether spans are recorded at all. Code that runs in every request asks once, and makes none."""
        ...

    def span(self, name: str, **attributes: Attribute) -> AbstractContextManager[Span]:
        """Begin a span below the one that surrounds the call; it ends with the block."""
        ...

    def follow(
        self, name: str, traceparent: str | None, **attributes: Attribute
    ) -> AbstractContextManager[Span]:
        """Begin a span below one of another process or task, or a new trace if *traceparent* is None.

        A *traceparent* that is not well-formed begins a new trace, too.
        """
        ...

    def below(self, traceparent: str) -> AbstractContextManager[None]:
        """Put the spans that begin in the block below this one, which may have ended."""
        ...

    def silence(self) -> AbstractContextManager[None]:
        """Begin no span in the block."""
        ...
