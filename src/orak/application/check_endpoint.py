from collections.abc import Sequence

from orak.application.ports.poster import ForbiddenAddress, Poster
from orak.domain.errors import Problem, ProblemCode, Rejected
from orak.domain.events import EventType
from orak.domain.webhooks import url_problem


async def check_endpoint(
    poster: Poster, url: str | None, event_types: Sequence[str] | None
) -> frozenset[EventType]:
    """Check the URL and the event types of a webhook endpoint.

    Return the event types, empty for all. A URL of None is not checked. Raise `Rejected` with every problem
    at once.
    """
    problems = [] if url is None else await _url_problems(poster, url)
    known = {kind.value for kind in EventType}
    if not known.issuperset(event_types or ()):
        problems.append(Problem("event_types", ProblemCode.INVALID))
    if problems:
        raise Rejected(problems)
    return frozenset(map(EventType, event_types or ()))


async def _url_problems(poster: Poster, url: str) -> list[Problem]:
    if problem := url_problem(url):
        return [problem]
    try:
        await poster.check(url)
    except ForbiddenAddress:
        return [Problem("url", ProblemCode.NOT_PUBLIC)]
    return []
