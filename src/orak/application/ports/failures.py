from orak.domain.errors import OrakError


class Unavailable(OrakError):
    """The world behind a port is down or too slow; the same call may succeed in a moment."""


class StaleVersion(OrakError):
    """Another writer saved the aggregate first; read it again and decide again."""
