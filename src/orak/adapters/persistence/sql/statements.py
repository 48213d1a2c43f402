"""SQL statements that are compiled once and run by the driver itself.

SQLAlchemy's `Connection.execute` looks up a compiled statement, its parameters and its result types at each
call, which costs more than most statements here. A `Statement` does so once for each database.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Self, cast

import msgspec
from sqlalchemy import BindParameter, ColumnElement, Executable, String, bindparam
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Boolean, TypeDecorator, TypeEngine

Row = Sequence[Any]
"""A row: values by index, in the order of the statement's columns."""

_Processor = Callable[[Any], Any]

_DOUBLE_PRECISION = 701
"""The type code that PostgreSQL reports for the only kind of column whose conversion depends on it."""


class CompiledStatement:
    """A statement's text for one database, with positional parameters: `$1` on PostgreSQL, `?` on SQLite."""

    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        if compiled.post_compile_params or compiled.literal_execute_params:
            raise TypeError("the text would depend on the parameters; use `is_one_of` instead of in_()")
        self.text: Final = compiled.string
        known = compiled.construct_params(_check=False)
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        converters = compiled._bind_processors  # noqa: SLF001 - SQLAlchemy has no public name for it
        self._parameters: Final = [
            (name, binds[name].required, known[name], cast("_Processor | None", converters.get(name)))
            for name in compiled.positiontup or ()
        ]
        results = [
            column.type._cached_result_processor(dialect, _DOUBLE_PRECISION)  # noqa: SLF001 - as above
            for column in compiled._result_columns  # noqa: SLF001 - as above
        ]
        self._results: Final = results if any(results) else None

    @property
    def names(self) -> Collection[str]:
        """The names of the parameters that callers give."""
        return {name for name, required, _, _ in self._parameters if required}

    def arguments(self, parameters: Mapping[str, object]) -> list[object]:
        """Return the driver's arguments, in the order of the text.

        Raises:
            ValueError, OverflowError: a value has no form in the database.
        """
        found = []
        for name, required, value, convert in self._parameters:
            given = parameters[name] if required else parameters.get(name, value)
            found.append(given if convert is None else convert(given))
        return found

    def rows(self, raw: Iterable[Row]) -> Sequence[Row]:
        """Return the rows of the driver with the types of the columns."""
        results = self._results
        if results is None:
            return raw if isinstance(raw, list) else list(raw)
        return [
            tuple(
                [
                    value if convert is None else convert(value)
                    for value, convert in zip(row, results, strict=True)
                ]
            )
            for row in raw
        ]


class Statement:
    """One SQL statement, written as a Core expression; `Connections.fetch` runs it.

    Within a transaction, run `expression` instead.
    """

    def __init__(
        self, expression: Executable, *, columns: Collection[str] | None = None, writes: bool | None = None
    ) -> None:
        """Make a statement of *expression*.

        *columns* names the columns that an INSERT or UPDATE sets from parameters of the same names. *writes*
        says whether the statement changes rows, if its class does not tell.
        """
        self.expression: Final = expression
        self.writes: Final = isinstance(expression, UpdateBase) if writes is None else writes
        self._columns = None if columns is None else list(columns)
        self._compiled: dict[str, CompiledStatement] = {}

    def compiled(self, dialect: Dialect) -> CompiledStatement:
        """Return the statement for a database; it is compiled at the first call."""
        found = self._compiled.get(dialect.name)
        if found is None:
            expression = cast("ClauseElement", self.expression)
            compiled = expression.compile(dialect=dialect, column_keys=self._columns)
            found = CompiledStatement(cast("SQLCompiler", compiled), dialect)
            self._compiled[dialect.name] = found
        return found

    def execute_many(self, connection: Connection, rows: Iterable[Mapping[str, object]]) -> None:
        """Run the statement for each of *rows*, in the transaction of *connection*.

        Raises:
            ValueError, OverflowError: a value has no form in the database.
        """
        compiled = self.compiled(connection.dialect)
        connection.exec_driver_sql(compiled.text, [tuple(compiled.arguments(row)) for row in rows])


class _Values(TypeDecorator[Collection[Any]]):
    """A set of values in one parameter: an array on PostgreSQL, a JSON array on SQLite."""

    impl = String
    cache_ok = True

    def __init__(self, of: TypeEngine[Any]) -> None:
        super().__init__()
        self.of = of

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the parameter."""
        array = postgresql.ARRAY(self.of) if dialect.name == "postgresql" else String()
        return dialect.type_descriptor(array)

    def process_bind_param(self, value: Collection[Any] | None, dialect: Dialect) -> Any:  # noqa: ANN401 - the signature of SQLAlchemy
        """Return the values as the driver takes them."""
        values = list(value or ())
        return values if dialect.name == "postgresql" else msgspec.json.encode(values).decode()


class is_one_of(FunctionElement[bool]):  # noqa: N801 - an SQL operator
    """Whether *column* has one of the values in the parameter *name*, a collection of numbers or texts.

    Unlike `column.in_()`, the text is the same for any number of values.
    """

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        values: BindParameter[Any] = bindparam(name, type_=_Values(column.type))
        super().__init__(column, values)

    def self_group(self, against: object = None) -> Self:  # noqa: ARG002 - the signature of SQLAlchemy
        """Return itself: SQLAlchemy would compare it with 1 on SQLite, which then uses no index."""
        return self


@compiles(is_one_of, "postgresql")
def _is_one_of(element: is_one_of, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - the signature of SQLAlchemy
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = ANY ({values})"


@compiles(is_one_of, "sqlite")
def _is_one_of_in_sqlite(element: is_one_of, compiler: SQLCompiler, **kw: Any) -> str:  # noqa: ANN401 - the signature of SQLAlchemy
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - SQLAlchemy's own text
