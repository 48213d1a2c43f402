"""Loading settings: a flag wins over the environment, then `.env`, then the default."""

import os
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Literal,
    NamedTuple,
    Self,
    TypeAlias,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)
from urllib.parse import urlsplit

import msgspec
from dotenv import dotenv_values
from msgspec import Meta

from orak.domain.audio import AudioProfile
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.later import LATER_SETTINGS, refuse
from orak.entrypoints.settings.values import Settings

_PREFIX = "ORAK_"

_ONLY_PREFIXED = frozenset({"data_dir", "db_auto_upgrade", "host", "port"})
"""Settings read only as ORAK_X: many environments set HOST and PORT for other programs."""

_Sources: TypeAlias = Sequence[tuple[Mapping[str, str], str]]
"""Variables, the strongest source first, and how an origin names that source."""

_OPENTELEMETRY = "OTEL_"
"""How the standard variables of OpenTelemetry begin."""

_SECRET = frozenset(
    {
        "aws_secret_access_key",
        "aws_session_token",
        "cloudfront_private_key",
        "jwt_secret",
        "webhook_secret",
    }
)


class Sourced(NamedTuple):
    """The value of a variable, its name, and where it is set."""

    value: str
    variable: str
    origin: str


class LoadedSettings(msgspec.Struct, frozen=True):
    """Settings and where each came from: `flag`, `default`, or a variable (`… in .env` if from the file)."""

    settings: Settings
    origins: Mapping[str, str]
    later: Mapping[str, Sourced] = {}
    """Variables of `LATER_SETTINGS` that are set, at values that ask for nothing."""
    opentelemetry: Mapping[str, Sourced] = {}
    """The variables of OpenTelemetry that are set, by their standard names."""

    @classmethod
    def load(
        cls,
        flags: Mapping[str, object] | None = None,
        environment: Mapping[str, str] | None = None,
        env_file: Path = Path(".env"),
    ) -> Self:
        """Load the settings. Raise `InvalidSetting` naming the variable whose value cannot be used.

        An empty variable counts as unset. `ORAK_X` wins over `X`.
        """
        environment = os.environ if environment is None else environment
        sources = _sources(environment, env_file)
        later = _later_settings(sources)
        values: dict[str, object] = {}
        origins: dict[str, str] = {}
        for field, kind in get_type_hints(Settings, include_extras=True).items():
            if flags and flags.get(field) is not None:
                values[field], origins[field] = flags[field], "flag"
                continue
            origins[field] = "default"
            if found := _find(field, sources):
                values[field] = _parse(found.variable, found.value, kind)
                origins[field] = found.origin
        return cls(Settings(**values), origins, later, _opentelemetry(sources))  # type: ignore[arg-type]  # each value was parsed to its field


def opentelemetry_variables(
    environment: Mapping[str, str] | None = None, env_file: Path = Path(".env")
) -> dict[str, str]:
    """Return the values of the variables of OpenTelemetry that are set, by their standard names.

    The environment beats `.env`, and `ORAK_OTEL_X` beats `OTEL_X`.
    """
    environment = os.environ if environment is None else environment
    return {name: one.value for name, one in _opentelemetry(_sources(environment, env_file)).items()}


def variable_names(field: str) -> tuple[str, ...]:
    """Return the variables that set *field*, the strongest first."""
    twin = _PREFIX + field.upper()
    return (twin,) if field in _ONLY_PREFIXED else (twin, field.upper())


def _sources(environment: Mapping[str, str], env_file: Path) -> _Sources:
    from_file = {name: value or "" for name, value in dotenv_values(env_file).items()}
    return ((environment, ""), (from_file, f" in {env_file.name}"))


def _opentelemetry(sources: _Sources) -> dict[str, Sourced]:
    standard = {
        name.removeprefix(_PREFIX)
        for variables, _ in sources
        for name in variables
        if name.removeprefix(_PREFIX).startswith(_OPENTELEMETRY)
    }
    found = {name: _find(name.lower(), sources) for name in sorted(standard)}
    return {name: one for name, one in found.items() if one is not None}


def _find(field: str, sources: _Sources) -> Sourced | None:
    """Return the strongest of the variables that set *field*."""
    for variables, place in sources:
        for name in variable_names(field):
            if value := variables.get(name):
                return Sourced(value, name, name + place)
    return None


def _later_settings(sources: _Sources) -> dict[str, Sourced]:
    set_ones = {}
    for setting in LATER_SETTINGS:
        if found := _find(setting.name.lower(), sources):
            if not setting.accepts(found.value):
                refuse(found.variable, setting)
            set_ones[setting.name] = found
    return set_ones


def shown_value(field: str, value: object) -> str:
    """Return *value* as text that is safe to show: without secrets and passwords."""
    if value is None:
        return ""
    if field in _SECRET or field.endswith("_HEADERS"):  # OTEL_EXPORTER_OTLP_HEADERS holds keys of an API
        return "********"
    if isinstance(value, AudioProfile):
        return value.value
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return _without_password(value) if isinstance(value, str) and "://" in value else str(value)


def _without_password(url: str) -> str:
    password = urlsplit(url).password
    shown = url.replace(f":{password}@", ":********@") if password else url
    # libpq, and orak for Sentinel, also read passwords from the query.
    return re.sub(r"([?&](?:ssl|sentinel_)?password=)[^&]+", r"\1********", shown)


def _parse(name: str, text: str, kind: object) -> object:
    value: object = text.strip()
    if get_origin(_bare(kind)) is tuple:
        value = [part.strip() for part in text.split(",") if part.strip()]
    try:
        return msgspec.convert(value, kind, strict=False, dec_hook=_to_path)
    except msgspec.ValidationError:
        problem = f"is {text!r}, not {expectation(kind)}"
        raise InvalidSetting(name, problem, f"{name} is the {describe(kind)}") from None


def describe(kind: object) -> str:
    """Return what a setting means, from its annotation."""
    return next(meta.description for meta in _metas(kind) if meta.description)


def _metas(kind: object) -> list[Meta]:
    return [meta for meta in get_args(kind) if isinstance(meta, Meta)]


def _bare(kind: object) -> object:
    """Return the type without its annotations and without `| None`."""
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    choices = [choice for choice in get_args(inner) if choice is not NoneType]
    return _bare(choices[0]) if isinstance(inner, UnionType) or get_origin(inner) is Union else inner


def expectation(kind: object) -> str:
    """Return the values that a setting accepts, from its annotation."""
    bare = _bare(kind)
    if isinstance(bare, type) and issubclass(bare, Enum):
        return "one of " + ", ".join(str(choice.value) for choice in bare)
    if get_origin(bare) is Literal:
        return "one of " + ", ".join(get_args(bare))
    if bare is bool:
        return "true or false"
    if get_origin(bare) is tuple:
        return "a comma-separated list"
    if bare is not int:
        return "a path" if bare is Path else "text"
    metas = _metas(kind) + [meta for choice in get_args(get_args(kind)[0]) for meta in _metas(choice)]
    least = next((meta.ge for meta in metas if meta.ge is not None), None)
    most = next((meta.le for meta in metas if meta.le is not None), None)
    bounds = [f" from {least}" if least is not None else "", f" to {most}" if most is not None else ""]
    words = [f"{word} or " for word in _words(kind)]
    return "".join([*words, "a whole number", *bounds])


def _words(kind: object) -> tuple[str, ...]:
    """Return the words that a setting accepts instead of a number."""
    literals = [choice for choice in get_args(get_args(kind)[0]) if get_origin(choice) is Literal]
    return get_args(literals[0]) if literals else ()


def _to_path(_kind: type, value: object) -> Path:
    return Path(cast("str", value))  # the only type of setting that msgspec cannot convert itself
