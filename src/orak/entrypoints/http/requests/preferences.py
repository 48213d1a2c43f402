"""The `Prefer` header (RFC 7240)."""

import re

from litestar.datastructures import Headers

MAX_WAIT_SECONDS = 10

# preference = token [ BWS "=" BWS word ]; what follows a ";" are parameters, which `wait` has none of.
_WAIT = re.compile(r'\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(?:;.*)?', re.IGNORECASE | re.ASCII)


def preferred_wait(headers: Headers) -> int | None:
    """Return for how many seconds a client is willing to wait, at most 10; None if it does not say.

    Of several the first counts (RFC 7240 §2), and one that cannot be read is as good as none.
    """
    for preference in ",".join(headers.getall("prefer", [])).split(","):
        if match := _WAIT.fullmatch(preference):
            return min(int(match[1]), MAX_WAIT_SECONDS)
    return None
