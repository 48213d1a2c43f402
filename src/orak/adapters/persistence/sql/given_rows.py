"""Rows that a statement gets in one parameter."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Column, String, TableValuedAlias, bindparam, column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from orak.adapters.persistence.sql.connections import Violation

_encode = msgspec.json.Encoder().encode


def given_rows(name: str, columns: Sequence[Column[Any]]) -> TableValuedAlias:
    """Return the rows of the parameter *name*, made by `encoded`, as a table of the same name.

    On SQLite, the columns are numbers and texts only.
    """
    rows = _GivenRows(name, columns)
    return rows.table_valued(*(column(one.name, one.type) for one in columns), name=name)


def encoded(rows: Sequence[Mapping[str, object]]) -> str:
    """Return the value of the parameter. Raise `Violation` for text that no database stores."""
    try:
        return _encode(rows).decode()
    except UnicodeEncodeError as error:
        raise Violation(None) from error


class _GivenRows(FunctionElement[object]):
    """A subquery that reads a JSON array of objects."""

    inherit_cache = False

    def __init__(self, name: str, columns: Sequence[Column[Any]]) -> None:
        super().__init__(bindparam(name, type_=String()))
        self.given = columns


@compiles(_GivenRows, "postgresql")
def _given_rows(element: _GivenRows, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - the signature of SQLAlchemy
    (rows,) = element.clauses
    typed = ", ".join(f"{one.name} {one.type.compile(compiler.dialect)}" for one in element.given)
    given = f"CAST({compiler.process(rows, **kw)} AS JSON)"
    # PostgreSQL expects a hundred rows of json_to_recordset, and would scan whole tables to join them. LIMIT
    # tells it how many there are; without a known parameter it expects ten.
    limit = f"LIMIT json_array_length({given})"
    return f"(SELECT * FROM json_to_recordset({given}) AS given({typed}) {limit})"  # noqa: S608 - names of columns


@compiles(_GivenRows, "sqlite")
def _given_rows_in_sqlite(element: _GivenRows, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - the signature of SQLAlchemy
    (rows,) = element.clauses
    values = ", ".join(f"json_extract(value, '$.{one.name}') AS {one.name}" for one in element.given)
    return f"(SELECT {values} FROM json_each({compiler.process(rows, **kw)}))"  # noqa: S608 - names of columns
