from orak.domain.errors import OrakError


class Unavailable(OrakError):
    """A database, store or service does not answer, or is too slow.

    The same call may soon succeed.
    """

    summary = "a service that orak needs does not answer"


class InvalidConfiguration(ValueError):
    """An adapter cannot work with the values that it was given.

    *hint* says what to do, if it is known.
    """

    hint: str | None = None


class StaleVersion(OrakError):
    """Another writer saved the aggregate first: read it again and decide again."""

    summary = "another writer was first"
