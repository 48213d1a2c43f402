"""What an S3-compatible store can do: not every one can do all that S3 can."""

from collections.abc import Iterator
from enum import Enum

import msgspec

WEB_AUDIO_ORIGIN = "null"
"""The origin of a page that a redirect led from orak to the store (Fetch standard, "HTTP-redirect fetch")."""


class Condition(Enum):
    """What a store does with a header that sets a condition on a request (RFC 9110 §13.1)."""

    ENFORCED = "enforced"
    IGNORED = "ignored"
    REFUSED = "refused"
    """It answers an error, such as 501, even if the condition holds."""


class OriginAccess(msgspec.Struct, frozen=True):
    """What the CORS rules of a bucket let the pages of one origin do."""

    origin: str
    may_upload: bool
    """PUT with the headers that orak signs."""
    may_read: bool
    """GET, and read the bytes."""


class Ability(msgspec.Struct, frozen=True):
    """One ability of a store, in words."""

    name: str
    is_present: bool
    detail: str
    hint: str | None = None
    """What follows if the ability is absent, and what to do about it."""
    is_vital: bool = False
    """Whether orak cannot work without it."""


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """What one bucket can do, as probed."""

    reads: bool
    """A signed GET returns what a signed PUT stored."""
    deletes: bool
    """An object is gone after DELETE."""
    create_only: Condition
    """`If-None-Match: *` on a signed PUT."""
    binds_length: bool
    """A PUT of another length than was signed is refused."""
    pinned_reads: Condition
    """`If-Match` on a GET."""
    ranges: bool
    """A GET with Range is answered 206."""
    multipart: bool
    origins: tuple[OriginAccess, ...] = ()

    def described(self) -> Iterator[Ability]:
        """Describe each ability, present or absent."""
        yield Ability(
            "put", is_present=True, detail="a small object was stored by a signed PUT", is_vital=True
        )
        yield _either(
            "get",
            self.reads,
            "a signed GET returned it",
            "a signed GET does not return what was stored",
            "allow s3:GetObject on the bucket; orak cannot convert without it",
            is_vital=True,
        )
        yield _either(
            "delete",
            self.deletes,
            "DELETE removed it",
            "the store refuses DELETE, or keeps the object",
            "allow s3:DeleteObject on the bucket; without it, deleted records keep their audio",
            is_vital=True,
        )
        yield self._create_only()
        yield _either(
            "length",
            self.binds_length,
            "a PUT of another length than was signed is refused",
            "the store accepts a PUT of another length than was signed",
            "orak compares the size afterwards and rejects the upload, but a client can store an object "
            "larger than MAX_UPLOAD_BYTES: set a quota in the store",
        )
        yield self._pinned_reads()
        yield _either(
            "range",
            self.ranges,
            "a part of an object can be read",
            "the store does not answer 206 to a GET with Range",
            "players cannot seek before a recording has loaded: set CDN_BASE_URL to a CDN that can",
        )
        yield _either(
            "multipart",
            self.multipart,
            "large files can be sent in parts",
            "the store refuses multipart uploads",
            "orak sends each file with one PUT, which starts over after a broken connection",
        )
        for access in self.origins:
            yield _cors(access)

    def _create_only(self) -> Ability:
        return _either(
            "createOnly",
            self.create_only is Condition.ENFORCED,
            "a second PUT of an upload with createOnly is refused",
            "the store ignores If-None-Match, so a second PUT replaces an object"
            if self.create_only is Condition.IGNORED
            else "the store refuses every PUT with If-None-Match",
            "orak signs uploads without If-None-Match; it still converts only the bytes that it verified",
        )

    def _pinned_reads(self) -> Ability:
        detail = {
            Condition.ENFORCED: "a GET can be pinned to one version (If-Match)",
            Condition.IGNORED: "the store ignores If-Match; orak compares the ETag of the answer",
            Condition.REFUSED: "the store refuses If-Match; orak compares the ETag of the answer",
        }
        return Ability("ifMatch", is_present=True, detail=detail[self.pinned_reads])


def _cors(access: OriginAccess) -> Ability:
    if access.origin == WEB_AUDIO_ORIGIN:
        return _either(
            "cors",
            access.may_read,
            "pages of other origins may read audio that /media redirects to",
            "pages of other origins cannot read audio that /media redirects to: the store refuses the "
            "origin `null`, which browsers send after a redirect",
            "to play through Web Audio there, allow GET and HEAD from `*` in the bucket's CORS rules, or set "
            "CDN_BASE_URL; <audio> works without",
        )
    refused = [
        what
        for what, may in (("upload (PUT)", access.may_upload), ("read (GET)", access.may_read))
        if not may
    ]
    return _either(
        "cors",
        not refused,
        f"pages of {access.origin} may upload and read",
        f"pages of {access.origin} may not {' or '.join(refused)}",
        "add the origin to the bucket's CORS rules; docs/guides/storage.md has an example",
    )


def _either(
    name: str,
    is_present: bool,  # noqa: FBT001 - private
    present: str,
    absent: str,
    hint: str,
    *,
    is_vital: bool = False,
) -> Ability:
    detail, needed = (present, None) if is_present else (absent, hint)
    return Ability(name, is_present, detail, needed, is_vital)
