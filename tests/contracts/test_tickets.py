import asyncio
from datetime import timedelta

import pytest

from builders import OWNER, START
from orak.application.ports.tickets import Ticket

TICKET = Ticket(OWNER, START + timedelta(seconds=30), START + timedelta(hours=1))


@pytest.fixture
def tickets(persistence):
    return persistence.tickets


async def test_a_ticket_can_be_redeemed_once(tickets):
    await tickets.keep("a", TICKET, at=START)
    assert await tickets.redeem("a", at=START) == TICKET
    assert await tickets.redeem("a", at=START) is None


async def test_one_of_many_concurrent_callers_redeems_a_ticket(tickets):
    await tickets.keep("a", TICKET, at=START)
    shown = await asyncio.gather(*(tickets.redeem("a", at=START) for _ in range(16)))
    assert [ticket for ticket in shown if ticket] == [TICKET]


async def test_an_unknown_ticket_cannot_be_redeemed(tickets):
    await tickets.keep("a", TICKET, at=START)
    assert await tickets.redeem("b", at=START) is None


async def test_a_ticket_expires(tickets):
    await tickets.keep("a", TICKET, at=START)
    assert await tickets.redeem("a", at=TICKET.expires_at) is None


async def test_expired_tickets_are_removed_and_the_others_stay(tickets):
    await tickets.keep("old", TICKET, at=START)
    later = Ticket(OWNER, START + timedelta(seconds=60), TICKET.token_expires_at)
    await tickets.keep("b", later, at=START + timedelta(seconds=29))
    await tickets.keep("c", later, at=START + timedelta(seconds=31))
    assert await tickets.redeem("old", at=START) is None
    assert await tickets.redeem("b", at=START + timedelta(seconds=59)) == later
