import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from orak.application.conversion.conversion_notes import ConversionNotes
from orak.application.conversion.convert_upload import ConvertUpload
from orak.application.conversion.end_attempt import Verdict
from orak.application.conversion.lease_keeper import LeaseKeeper
from orak.application.ports.clock import Clock
from orak.application.ports.converter import DecoderDied, Unconvertible
from orak.application.ports.failures import Unavailable
from orak.application.ports.storage import ObjectChanged, ObjectMissing, Storage
from orak.domain.errors import LeaseLost
from orak.domain.policies.retries import UNAVAILABLE_DELAY, backoff
from orak.domain.processing import FailureCode
from orak.domain.record import RecordSnapshot
from orak.domain.upload import Upload

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AttemptConversion:
    """Converts a claimed upload and decides how the attempt ends."""

    convert: ConvertUpload
    keeper: LeaseKeeper
    storage: Storage
    clock: Clock
    chance: Callable[[], float]
    """Draws a number from 0 to 1: the jitter of back-off."""

    async def __call__(self, snapshot: RecordSnapshot, notes: ConversionNotes) -> Verdict:
        """Return the verdict. Raise `LeaseLost` if another attempt has the upload by now."""
        upload = snapshot.upload
        attempt = upload.attempt
        try:
            output = await self.keeper.keep_while(
                snapshot, lambda progress: self.convert(snapshot, progress.note, notes)
            )
        except LeaseLost:
            raise
        except Unconvertible as refusal:
            failure = refusal.failure
            return lambda held: held.fail(attempt, failure, at=self.clock.now())
        except DecoderDied as death:
            return self._count_failure(attempt, notes, "the decoder died", killed=death.failure)
        except (ObjectChanged, ObjectMissing):
            return await self._verify_again(upload, notes)
        except Unavailable as outage:
            return self._put_back(upload, notes, outage)
        except Exception as error:  # noqa: BLE001 - a bug counts as a failure, within its budget
            _log.exception(
                "an attempt failed",
                extra={"event": "conversion_error", "uploadId": upload.id, "attempt": attempt},
            )
            return self._count_failure(attempt, notes, type(error).__name__)
        return lambda held: held.complete(attempt, output, at=self.clock.now())

    def _count_failure(
        self, attempt: int, notes: ConversionNotes, message: str, *, killed: FailureCode | None = None
    ) -> Verdict:
        notes.reason = message
        return lambda held: held.fail_attempt(
            attempt,
            killed=killed,
            message=message,
            at=self.clock.now(),
            not_before=self.clock.now() + self._backoff(held),
        )

    async def _verify_again(self, upload: Upload, notes: ConversionNotes) -> Verdict:
        notes.reason = "the object was replaced or deleted"
        try:
            found = await self.storage.head(upload.key)
        except Unavailable as outage:
            return self._put_back(upload, notes, outage)
        return lambda held: held.reverify(
            upload.attempt,
            found,
            at=self.clock.now(),
            not_before=self.clock.now() + self._backoff(held),
        )

    def _put_back(self, upload: Upload, notes: ConversionNotes, outage: Unavailable) -> Verdict:
        notes.reason = str(outage)
        return lambda held: held.release(
            upload.attempt, at=self.clock.now(), not_before=self.clock.now() + UNAVAILABLE_DELAY
        )

    def _backoff(self, held: Upload) -> timedelta:
        return backoff(held.failures + 1, self.chance())
