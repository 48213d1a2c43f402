"""How much one process can hold at once."""

import resource
from contextlib import suppress


def raise_descriptor_limit() -> None:
    """Raise the limit of open files to the highest that this user may set.

    Processes started later inherit it. Each connection takes one descriptor, and the usual limit is 1,024.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS reports no limit, but accepts only its own
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def descriptor_limit() -> str:
    """Return how many files and connections a process may have open, as text."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return "unlimited" if soft == resource.RLIM_INFINITY else f"{soft:,}"
