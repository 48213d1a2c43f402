"""Webhooks as operators make and change them."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Cursors
from orak.application.ports.event_log import EventLog
from orak.application.ports.ids import Ids
from orak.application.ports.webhooks import Endpoints, ForbiddenAddress, Poster
from orak.domain.actor import Actor
from orak.domain.errors import Problem, ProblemCode, Rejected
from orak.domain.events import EventType
from orak.domain.webhooks import CONFIGURED, Endpoint, EndpointId, url_problem


class EndpointChange(msgspec.Struct, frozen=True):
    """What is to be another; None stays as it is."""

    url: str | None = None
    event_types: Sequence[str] | None = None
    """Empty wants all."""
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class ListWebhooks:
    """Return all webhooks that operators made, the oldest first."""

    endpoints: Endpoints

    async def __call__(self, actor: Actor) -> list[Endpoint]:
        """Raise `AdminRequired`."""
        actor.check_admin()
        return await self.endpoints.all()


@dataclass(frozen=True, slots=True)
class GetWebhook:
    """Return one webhook."""

    endpoints: Endpoints

    async def __call__(self, actor: Actor, endpoint_id: EndpointId) -> Endpoint:
        """Raise `AdminRequired` or `EndpointNotFound`."""
        actor.check_admin()
        return await self.endpoints.get(endpoint_id)


@dataclass(frozen=True, slots=True)
class AddWebhook:
    """Tell a URL of every event from now on, or of those of some types.

    Its name must lead to public addresses alone. The answer, and no other, shows the secret that signs.
    """

    endpoints: Endpoints
    event_log: EventLog
    poster: Poster
    ids: Ids
    clock: Clock

    async def __call__(
        self, actor: Actor, url: str | None, event_types: Sequence[str] | None = None
    ) -> Endpoint:
        """Raise `AdminRequired`, or `Rejected` with all that is wrong."""
        actor.check_admin()
        wanted = await _checked(self.poster, url_problem(url), url, event_types)
        await self.event_log.number()  # what happened before is not told
        new = Endpoint(CONFIGURED, url or "", _new_secret(self.ids), self.clock.now(), wanted or None)
        return await self.endpoints.add(new, await self.event_log.last())


@dataclass(frozen=True, slots=True)
class ChangeWebhook:
    """Give a webhook another URL or other types of events, or switch it off or on.

    What happens while it is off is not told later, unless it is replayed.
    """

    endpoints: Endpoints
    event_log: EventLog
    cursors: Cursors
    poster: Poster

    async def __call__(self, actor: Actor, endpoint_id: EndpointId, change: EndpointChange) -> Endpoint:
        """Raise `AdminRequired`, `EndpointNotFound`, or `Rejected` with all that is wrong."""
        actor.check_admin()
        await self.endpoints.get(endpoint_id)
        problem = None if change.url is None else url_problem(change.url)
        wanted = await _checked(self.poster, problem, change.url, change.event_types)
        was_enabled = True

        def changed(before: Endpoint) -> Endpoint:
            nonlocal was_enabled
            was_enabled = before.enabled
            switched = change.enabled is not None and change.enabled != before.enabled
            return replace(
                before,
                url=before.url if change.url is None else change.url,
                event_types=before.event_types if change.event_types is None else wanted or None,
                enabled=before.enabled if change.enabled is None else change.enabled,
                disabled_reason=None if switched else before.disabled_reason,
            )

        after = await self.endpoints.change(endpoint_id, changed)
        if after.enabled and not was_enabled:
            await self.cursors.advance(after.subscriber, await self.event_log.last())
        return after


@dataclass(frozen=True, slots=True)
class RotateWebhookSecret:
    """Give a webhook a new secret; the one before signs beside it for 24 hours."""

    endpoints: Endpoints
    ids: Ids
    clock: Clock

    async def __call__(self, actor: Actor, endpoint_id: EndpointId) -> Endpoint:
        """Raise `AdminRequired` or `EndpointNotFound`."""
        actor.check_admin()
        secret, now = _new_secret(self.ids), self.clock.now()
        return await self.endpoints.change(
            endpoint_id,
            lambda before: replace(before, secret=secret, previous_secret=before.secret, rotated_at=now),
        )


@dataclass(frozen=True, slots=True)
class RemoveWebhook:
    """Tell a URL nothing more, and forget its log."""

    endpoints: Endpoints

    async def __call__(self, actor: Actor, endpoint_id: EndpointId) -> None:
        """Raise `AdminRequired` or `EndpointNotFound`."""
        actor.check_admin()
        await self.endpoints.remove(endpoint_id)


async def _checked(
    poster: Poster, problem: Problem | None, url: str | None, event_types: Sequence[str] | None
) -> frozenset[EventType]:
    problems = [] if problem is None else [problem]
    if problem is None and url is not None:
        try:
            await poster.check(url)
        except ForbiddenAddress:
            problems.append(Problem("url", ProblemCode.NOT_PUBLIC))
    known = {kind.value for kind in EventType}
    if not known.issuperset(event_types or ()):
        problems.append(Problem("eventTypes", ProblemCode.INVALID))
    if problems:
        raise Rejected(problems)
    return frozenset(map(EventType, event_types or ()))


def _new_secret(ids: Ids) -> str:
    return f"whsec_{ids.secret()}"
