"""What operators are shown."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from orak.application.collect_metrics import SubscriberLag
from orak.application.operators.get_statistics import Statistics
from orak.domain.policies.batches import MAX_BATCH_SIZE
from orak.domain.processing import ProcessingStatus
from orak.domain.upload import Upload
from orak.entrypoints.http.answers.languages import Language
from orak.entrypoints.http.answers.views import FailureView, Id, View

Count = Annotated[int, Meta(ge=0)]


class BatchSizeView(View, frozen=True):
    """How many takes a batch has, in every worker."""

    batch_size: Annotated[int, Meta(ge=1, le=MAX_BATCH_SIZE)]


class TriggeredView(View, frozen=True):
    """A batch begins now."""

    status: Literal["triggered"] = "triggered"


class RelayView(View, frozen=True):
    """How far one reader of events is behind."""

    reader: str
    behind: Count
    """Events that it has not come to."""
    deferred: Count
    """Events that it failed at, and will try again."""
    oldest_seconds: float
    """Age of the oldest event that it is not done with; 0 if it is done with all."""

    @classmethod
    def of(cls, reader: SubscriberLag) -> "RelayView":
        """Project what was measured."""
        lag = reader.lag
        return cls(
            reader=lag.subscriber, behind=lag.behind, deferred=lag.deferred, oldest_seconds=reader.seconds
        )


class StatisticsView(View, frozen=True):
    """How conversion goes, over all processes."""

    active_jobs: Count
    """Takes that somebody works on, under a lease that has not run out."""
    max_concurrent_jobs: Count
    """How many the process that answers would convert at once in the background."""
    processing_count: Count
    """Takes that are PROCESSING, those whose worker was lost included."""
    failed_count: Count
    """Uploads that are FAILED: the dead letters, those whose bytes were refused included."""
    completed_count: Count
    """Takes that are COMPLETED, and were not deleted."""
    batch_enabled: bool
    queue_depth: Count
    """Takes in line, whether they may start yet or wait for another try."""
    waiting_users: Count
    """How many users those takes are of."""
    batch_size: Count
    orphan_count: Count
    """Uploads that arrived and that nobody named within ten minutes."""
    oldest_waiting_seconds: float
    """How long the first take in line that may start has stood there; 0 if none may."""
    relays: list[RelayView]
    """Who reads the log of events, and how far behind it is."""

    @classmethod
    def of(cls, statistics: Statistics) -> "StatisticsView":
        """Project what the use case returned."""
        measures, rules = statistics.measures, statistics.rules
        counts = measures.counts
        return cls(
            active_jobs=counts.active,
            max_concurrent_jobs=rules.max_concurrent,
            processing_count=counts.processing,
            failed_count=counts.failed,
            completed_count=counts.completed,
            batch_enabled=rules.enabled,
            queue_depth=counts.waiting,
            waiting_users=counts.waiting_users,
            batch_size=statistics.batch_size,
            orphan_count=counts.orphans,
            oldest_waiting_seconds=measures.oldest_waiting_seconds,
            relays=[RelayView.of(reader) for reader in measures.subscribers],
        )


class OperatedUploadView(View, frozen=True):
    """Anybody's upload, as operators see it."""

    upload_id: Id
    record_id: Id | None
    user_id: Id
    processing_status: ProcessingStatus
    s3_key: str
    file_size: int
    content_type: str
    created_at: datetime
    attempt: int
    failures: int
    """Runs that failed or died since the last retry."""
    failure: FailureView | None
    error_message: str | None
    """What the last failed run said."""
    failed_at: datetime | None
    """When it failed, in the list of those that did."""

    @classmethod
    def of(
        cls, upload: Upload, language: Language, failed_at: datetime | None = None
    ) -> "OperatedUploadView":
        """Project an upload."""
        return cls(
            upload_id=upload.id,
            record_id=upload.record_id,
            user_id=upload.owner_id,
            processing_status=upload.status,
            s3_key=upload.key,
            file_size=upload.file_size,
            content_type=upload.content_type,
            created_at=upload.created_at,
            attempt=upload.attempt,
            failures=upload.failures,
            failure=FailureView.of(upload.failure, language),
            error_message=upload.error_message,
            failed_at=failed_at,
        )
