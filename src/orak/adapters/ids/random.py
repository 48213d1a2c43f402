import os
import secrets

_POOLED = 256

_pool: list[bytes] = []
"""Random bytes for one UUID each: a system call for every UUID would cost several times as much."""

if hasattr(os, "register_at_fork"):  # where processes can fork, a child must not repeat UUIDs of its parent
    os.register_at_fork(after_in_child=_pool.clear)


class RandomIds:
    """UUIDs from the operating system's random source. Any thread may call its methods."""

    def uuid(self) -> str:
        """Return a new random UUID."""
        # Written out, because `str(UUID(bytes=…, version=4))` takes four times as long.
        digits = _sixteen_bytes().hex()
        variant = "89ab"[int(digits[16], 16) & 0b11]  # RFC 9562 §4.1
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    def secret(self) -> str:
        """Return 32 new random bytes as base64url."""
        return secrets.token_urlsafe(32)


def _sixteen_bytes() -> bytes:
    while True:
        try:
            return _pool.pop()
        except IndexError:  # another thread may empty the pool again before this one reads from it
            drawn = os.urandom(16 * _POOLED)
            _pool.extend(drawn[start : start + 16] for start in range(0, len(drawn), 16))
