from contextlib import AbstractContextManager, nullcontext

from orak.application.ports.traces import Attribute


class _NoSpan:
    """A `Span` that is not recorded."""

    records = False
    traceparent = ""

    def note(self, **attributes: Attribute) -> None:
        """Do nothing."""

    def link(self, traceparent: str) -> None:
        """Do nothing."""


_NO_SPAN: nullcontext[_NoSpan] = nullcontext(_NoSpan())
_NOTHING = nullcontext()


class NoTraces:
    """`Traces` that record nothing: those of a process without OpenTelemetry."""

    records = False

    def span(self, name: str, **attributes: Attribute) -> AbstractContextManager[_NoSpan]:  # noqa: ARG002 - the port's signature
        """Record nothing."""
        return _NO_SPAN

    def follow(
        self,
        name: str,  # noqa: ARG002 - the port's signature
        traceparent: str | None,  # noqa: ARG002 - as above
        **attributes: Attribute,  # noqa: ARG002 - as above
    ) -> AbstractContextManager[_NoSpan]:
        """Record nothing."""
        return _NO_SPAN

    def below(self, traceparent: str) -> AbstractContextManager[None]:  # noqa: ARG002 - the port's signature
        """Do nothing."""
        return _NOTHING

    def silence(self) -> AbstractContextManager[None]:
        """Do nothing."""
        return _NOTHING
