"""Statements that are compiled once: their text, their parameters and their rows."""

import asyncio
import importlib
import pkgutil

import pytest
from sqlalchemy import bindparam, event, literal_column, select

from builders import a_waiting_record, an_upload
from orak.adapters.persistence import sql
from orak.adapters.persistence.sql.connections import Violation
from orak.adapters.persistence.sql.statements import Statement, is_one_of
from orak.adapters.persistence.sql.tables import uploads
from orak.application.ports.failures import Unavailable


def all_statements():
    """Every `Statement` of the adapter, by its module and name."""
    found = {}
    for module in pkgutil.iter_modules(sql.__path__, f"{sql.__name__}."):
        names = vars(importlib.import_module(module.name))
        found |= {id(value): (module.name, name, value) for name, value in names.items()}
    return [
        pytest.param(value, id=f"{module.rpartition('.')[2]}.{name}")
        for module, name, value in found.values()
        if isinstance(value, Statement)
    ]


@pytest.fixture(params=["sqlite", "postgresql"])
def persistence(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def connections(persistence):
    return persistence._connections


class Seen(Exception):
    """A statement was about to be executed."""


@pytest.mark.parametrize("statement", all_statements())
async def test_a_compiled_statement_is_what_sqlalchemy_executes(connections, statement):
    compiled = statement.compiled(connections.dialect)

    def note(_connection, _cursor, text, arguments, *_):
        raise Seen(text, arguments)

    def execute(connection):
        event.listen(connection, "before_cursor_execute", note)
        with pytest.raises(Seen) as seen:
            connection.execute(statement.expression, dict.fromkeys(compiled.names))
        return seen.value.args

    text, arguments = await connections.read(execute)
    assert compiled.text == text
    assert compiled.arguments(dict.fromkeys(compiled.names)) == list(arguments)


FIND = Statement(select(uploads.c.id, uploads.c.created_at).where(is_one_of(uploads.c.id, "ids")))
FIND_BY_UUID = Statement(select(uploads.c.id).where(is_one_of(uploads.c.uuid, "uuids")))


async def test_a_collection_of_any_size_is_one_parameter(persistence, connections):
    stored = [await persistence.intake.add(an_upload()) for _ in range(3)]
    ids = [upload.id for upload in stored]
    for wanted in ([], ids[:1], [*ids, *ids, 999]):
        rows = await connections.fetch(FIND, {"ids": wanted})
        assert sorted(rows[i][0] for i in range(len(rows))) == sorted(set(wanted) & set(ids))
    uuids = [stored[1].uuid, 'it\'s "none"']
    assert [row[0] for row in await connections.fetch(FIND_BY_UUID, {"uuids": uuids})] == [ids[1]]


async def test_rows_have_the_types_of_their_columns(persistence, connections):
    upload = await persistence.intake.add(an_upload())
    ((_, created_at),) = await connections.fetch(FIND, {"ids": [upload.id]})
    assert created_at == upload.created_at
    assert created_at.tzinfo is upload.created_at.tzinfo


TITLE = Statement(uploads.update().where(uploads.c.id == bindparam("of_id")), columns=["of_id", "uuid"])


async def test_a_violated_constraint_is_named(persistence, connections):
    first, second = [await persistence.intake.add(an_upload()) for _ in range(2)]
    assert not await connections.fetch(TITLE, {"of_id": first.id, "uuid": "another"})
    with pytest.raises(Violation) as violation:
        await connections.fetch(TITLE, {"of_id": second.id, "uuid": "another"})
    assert violation.value.constraint == "uq_uploads_uuid"
    assert violation.value.__cause__ is not None


EQUAL = Statement(select(uploads.c.id).where(uploads.c.uuid == bindparam("uuid")))


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        (EQUAL, {"uuid": "\ud800"}),
        (FIND_BY_UUID, {"uuids": ["\ud800"]}),
        (TITLE, {"of_id": 2**63, "uuid": "a"}),
    ],
    ids=["no character", "no character in a collection", "too big"],
)
async def test_a_value_without_a_form_in_the_database_is_refused(connections, statement, parameters):
    with pytest.raises(Violation):
        await connections.fetch(statement, parameters)
    assert await connections.fetch(FIND, {"ids": [2**62]}) == []


async def test_a_statement_that_the_database_refuses_is_unavailable(connections):
    missing = Statement(select(literal_column("no_such_column")).select_from(uploads))
    with pytest.raises(Unavailable) as unavailable:
        await connections.fetch(missing, {})
    assert unavailable.value.__cause__ is not None


async def test_cancelled_callers_leave_the_connections_usable(persistence, connections):
    snapshot = await a_waiting_record(persistence)
    for turns in range(40):
        callers = [
            asyncio.create_task(connections.fetch(FIND, {"ids": [snapshot.upload.id]})) for _ in range(3)
        ]
        for _ in range(turns % 8):
            await asyncio.sleep(0)
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
    async with asyncio.timeout(10):
        rows = await asyncio.gather(
            *(connections.fetch(FIND, {"ids": [snapshot.upload.id]}) for _ in range(20))
        )
    assert {row[0] for found in rows for row in found} == {snapshot.upload.id}
