import asyncio
from datetime import timedelta

import pytest

from builders import SINGER, START
from orak.application.ports.tickets import Ticket

TICKET = Ticket(SINGER, START + timedelta(seconds=30), START + timedelta(hours=1))


@pytest.fixture
def tickets(persistence):
    return persistence.tickets


async def test_a_ticket_is_good_once(tickets):
    await tickets.keep("a", TICKET, at=START)
    assert await tickets.redeem("a", at=START) == TICKET
    assert await tickets.redeem("a", at=START) is None


async def test_of_many_that_show_it_one_gets_in(tickets):
    await tickets.keep("a", TICKET, at=START)
    shown = await asyncio.gather(*(tickets.redeem("a", at=START) for _ in range(16)))
    assert [ticket for ticket in shown if ticket] == [TICKET]


async def test_an_unknown_one_is_none(tickets):
    await tickets.keep("a", TICKET, at=START)
    assert await tickets.redeem("b", at=START) is None


async def test_a_ticket_expires(tickets):
    await tickets.keep("a", TICKET, at=START)
    assert await tickets.redeem("a", at=TICKET.expires_at) is None


async def test_the_expired_make_room_and_the_others_stay(tickets):
    await tickets.keep("old", TICKET, at=START)
    later = Ticket(SINGER, START + timedelta(seconds=60), TICKET.token_expires_at)
    await tickets.keep("b", later, at=START + timedelta(seconds=29))
    await tickets.keep("c", later, at=START + timedelta(seconds=31))
    assert await tickets.redeem("old", at=START) is None
    assert await tickets.redeem("b", at=START + timedelta(seconds=59)) == later
