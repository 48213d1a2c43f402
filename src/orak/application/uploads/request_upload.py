from dataclasses import dataclass
from datetime import timedelta

import msgspec

from orak.application.origins import current_origin
from orak.application.ports.clock import Clock
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.application.ports.ids import Ids
from orak.application.ports.intake import Intake
from orak.application.ports.storage import SignedRequest, Storage
from orak.domain.actor import Actor
from orak.domain.errors import Problem, Rejected
from orak.domain.policies.uploads import UploadPolicy
from orak.domain.upload import Upload


class NewUpload(msgspec.Struct, frozen=True):
    """The file that a client is about to send; None is a parameter that was not given."""

    original_filename: str | None
    file_size: int | None
    content_type: str | None
    duration_seconds: int | None = None
    """Only a hint: 0 counts as absent, and the measured duration replaces it."""
    create_only: bool = False

    def problems(self, policy: UploadPolicy) -> list[Problem]:
        """Return everything that *policy* forbids, each field once."""
        checks = (
            policy.filename_problem(self.original_filename),
            policy.size_problem(self.file_size),
            policy.content_type_problem(self.content_type),
            policy.duration_problem(self.duration_seconds),
        )
        return [problem for problem in checks if problem is not None]


class SignedUpload(msgspec.Struct, frozen=True):
    """A new upload, and the signed request that sends its bytes."""

    upload: Upload
    request: SignedRequest


@dataclass(frozen=True, slots=True)
class RequestUpload:
    """Request a signed URL to upload one file straight to the object store.

    The signature binds method, key, content type and content length. Title and song come later, with the
    record.
    """

    intake: Intake
    storage: Storage
    clock: Clock
    ids: Ids
    policy: UploadPolicy
    url_life: timedelta

    async def __call__(
        self, actor: Actor, new: NewUpload, *, idempotency_key: IdempotencyKey | None = None
    ) -> SignedUpload:
        """Return the upload and its signed request.

        Raises:
            Rejected: a field is invalid; it names every problem at once.
            IdempotencyMismatch: the key was used with another body.
            UploadNotFound: the key was used before, and its upload was deleted since.
        """
        filename, size, content_type = new.original_filename, new.file_size, new.content_type
        problems = new.problems(self.policy)
        if problems or filename is None or size is None or content_type is None:
            raise Rejected(problems)
        upload = await self.intake.add(
            Upload.request(
                actor.user_id,
                uuid=self.ids.uuid(),
                filename=filename,
                size=size,
                content_type=content_type,
                duration=new.duration_seconds,
                at=self.clock.now(),
                url_life=self.url_life,
                origin=current_origin(),
            ),
            idempotency_key,
        )
        upload.owned_by(actor)  # a repeated call may find that it was deleted since
        request = self.storage.presign_put(
            upload.key,
            content_type=upload.content_type,
            content_length=upload.file_size,
            create_only=new.create_only,
            life=self.url_life,
        )
        return SignedUpload(upload, request)
