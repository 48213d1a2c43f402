"""What a handler declares for the OpenAPI document, beside its route."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from inspect import getdoc
from typing import Any, Protocol, TypeVar

from orak.domain.identity import MAX_ID
from orak.entrypoints.http.answers.error_codes import ErrorCode

JsonObject = Mapping[str, object]

Handler = TypeVar("Handler", bound=Callable[..., Any])

ID: JsonObject = {"type": "integer", "minimum": 1, "maximum": MAX_ID}
TEXT: JsonObject = {"type": "string"}

_ATTRIBUTE = "__operation__"


@dataclass(frozen=True, slots=True)
class Answer:
    """One successful answer."""

    description: str
    body: Any = None
    """Type of the JSON body; None if the body is empty or not JSON."""
    headers: tuple[str, ...] = ()
    """Headers beside `X-Request-Id`; `headers.py` describes them."""
    media_type: str = "application/json"
    schema: JsonObject | None = None
    """Schema of a body that is not JSON."""


NO_CONTENT = Answer("Done; the body is empty.")

NOT_MODIFIED = Answer("The version that If-None-Match names is still current.")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the path, the query or the headers."""

    where: str
    name: str
    description: str
    schema: JsonObject = field(default_factory=lambda: TEXT)
    required: bool = False

    def described(self) -> JsonObject:
        """Return the Parameter Object of OpenAPI."""
        return {
            "in": self.where,
            "name": self.name,
            "required": self.required,
            "description": self.description,
            "schema": self.schema,
        }


def path_parameter(name: str, description: str, schema: JsonObject = ID) -> Parameter:
    """Return a parameter of the path, by default an id."""
    return Parameter("path", name, description, schema, required=True)


class RequestBody(Protocol):
    """A request body, as the document describes it."""

    def described(self) -> JsonObject:
        """Return the Request Body Object of OpenAPI."""
        ...

    def schemas(self) -> Mapping[str, JsonObject]:
        """Return the named schemas that `described` refers to."""
        ...

    @property
    def errors(self) -> Iterable[ErrorCode]:
        """The errors of reading this body."""
        ...


@dataclass(frozen=True, slots=True)
class Operation:
    """The promise of one handler."""

    summary: str
    description: str
    answers: Mapping[int, Answer]
    errors: tuple[ErrorCode, ...]
    """Errors beside those of every operation: 500, 503, and 401 where a token is needed."""
    parameters: tuple[Parameter, ...]
    body: RequestBody | None
    describes_head: bool
    """Whether the document lists HEAD too."""


def operation(
    use_case: type | str,
    *,
    answers: Mapping[int, Answer],
    errors: Iterable[ErrorCode] = (),
    parameters: Iterable[Parameter] = (),
    body: RequestBody | None = None,
    notes: str = "",
    describes_head: bool = False,
) -> Callable[[Handler], Handler]:
    """Declare the operation of a handler.

    The summary is the first line of the handler's docstring. The description is the docstring of *use_case*,
    or the given text, followed by *notes*. The operationId is the handler's name in camelCase, and the tag
    that of its router.
    """
    rule = use_case if isinstance(use_case, str) else getdoc(use_case) or ""

    def declare(handler: Handler) -> Handler:
        summary = (getdoc(handler) or "").partition("\n")[0]
        declared = Operation(
            summary=summary.removesuffix("."),
            description="\n\n".join(filter(None, (rule, notes))) or summary,
            answers=answers,
            errors=(*errors, *(body.errors if body else ())),
            parameters=tuple(parameters),
            body=body,
            describes_head=describes_head,
        )
        setattr(handler, _ATTRIBUTE, declared)
        return handler

    return declare


def operation_of(handler: Callable[..., Any]) -> Operation | None:
    """Return what *handler* declares, or None if the document leaves it out."""
    return getattr(handler, _ATTRIBUTE, None)
