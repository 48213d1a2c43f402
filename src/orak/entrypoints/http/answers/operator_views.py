"""Answers of the operators' routes."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from orak.application.collect_metrics import SubscriberLag
from orak.application.operators.get_statistics import Statistics
from orak.domain.policies.batches import MAX_BATCH_SIZE
from orak.domain.processing import ProcessingStatus
from orak.domain.times import whole_seconds
from orak.domain.upload import Upload
from orak.entrypoints.http.answers.languages import Language
from orak.entrypoints.http.answers.views import Bytes, Count, FailureView, Id, Moment, View


class BatchSizeView(View, frozen=True):
    """The batch size, which all processes share."""

    batch_size: Annotated[
        int, Meta(ge=1, le=MAX_BATCH_SIZE, description="Conversions that one batch of one process may start.")
    ]


class TriggeredView(View, frozen=True):
    """The confirmation that a batch begins."""

    status: Annotated[Literal["triggered"], Meta(description="Always `triggered`.")] = "triggered"


class RelayView(View, frozen=True):
    """How far one subscriber of the event log is behind."""

    reader: Annotated[str, Meta(description="Name of the subscriber.")]
    behind: Annotated[Count, Meta(description="Events that it has not received.")]
    deferred: Annotated[Count, Meta(description="Events that failed and will be tried again.")]
    oldest_seconds: Annotated[
        float, Meta(description="Age in seconds of the oldest event that it has not handled; 0 without one.")
    ]

    @classmethod
    def of(cls, subscriber: SubscriberLag) -> "RelayView":
        """Return the view of a subscriber's lag."""
        lag = subscriber.lag
        return cls(
            reader=lag.subscriber, behind=lag.behind, deferred=lag.deferred, oldest_seconds=subscriber.seconds
        )


class StatisticsView(View, frozen=True):
    """Conversion statistics over all processes."""

    active_jobs: Annotated[Count, Meta(description="Conversions under a lease that has not expired.")]
    max_concurrent_jobs: Annotated[
        Count, Meta(description="Background conversions that the answering process runs at once, at most.")
    ]
    processing_count: Annotated[
        Count, Meta(description="Uploads that are PROCESSING, those of lost workers included.")
    ]
    failed_count: Annotated[
        Count,
        Meta(description="Uploads that are FAILED: the dead letters, and uploads refused on arrival."),
    ]
    completed_count: Annotated[Count, Meta(description="Uploads that are COMPLETED and not deleted.")]
    batch_enabled: Annotated[bool, Meta(description="Whether background batches are on (`BATCH_ENABLED`).")]
    queue_depth: Annotated[
        Count,
        Meta(description="Uploads that wait for conversion, including those that wait for another attempt."),
    ]
    waiting_users: Annotated[Count, Meta(description="Users who own the waiting uploads.")]
    batch_size: Annotated[Count, Meta(description="Conversions that one batch of one process may start.")]
    orphan_count: Annotated[
        Count, Meta(description="Uploads without a record ten minutes after they arrived.")
    ]
    oldest_waiting_seconds: Annotated[
        float,
        Meta(description="How long in seconds the oldest upload that may start has waited; 0 without one."),
    ]
    relays: Annotated[list[RelayView], Meta(description="The subscribers of the event log, and their lag.")]

    @classmethod
    def of(cls, statistics: Statistics) -> "StatisticsView":
        """Return the view of *statistics*."""
        metrics, rules = statistics.metrics, statistics.rules
        counts = metrics.counts
        return cls(
            active_jobs=counts.active,
            max_concurrent_jobs=rules.max_concurrent,
            processing_count=counts.processing,
            failed_count=counts.failed,
            completed_count=statistics.completed,
            batch_enabled=rules.enabled,
            queue_depth=counts.waiting,
            waiting_users=counts.waiting_users,
            batch_size=statistics.metrics.batch_size,
            orphan_count=counts.orphans,
            oldest_waiting_seconds=metrics.oldest_waiting_seconds,
            relays=[RelayView.of(subscriber) for subscriber in metrics.subscribers],
        )


class OperatorUploadView(View, frozen=True):
    """An upload of any user, as operators see it."""

    upload_id: Annotated[Id, Meta(description="Id of the upload.")]
    record_id: Annotated[Id | None, Meta(description="Id of its record; null while it has none.")]
    user_id: Annotated[Id, Meta(description="Id of the owner.")]
    processing_status: Annotated[ProcessingStatus, Meta(description="Status of the upload.")]
    s3_key: Annotated[str, Meta(description="Key of the uploaded object in the store.")]
    file_size: Annotated[Bytes, Meta(description="Declared size in bytes.")]
    content_type: Annotated[str, Meta(description="Declared media type, with its parameters.")]
    created_at: Annotated[Moment, Meta(description="When the upload was requested.")]
    attempt: Annotated[int, Meta(description="Number of the latest attempt to convert it.")]
    failures: Annotated[int, Meta(description="Attempts that failed or died since the last retry.")]
    failure: Annotated[FailureView | None, Meta(description="Why it failed; otherwise null.")]
    error_message: Annotated[str | None, Meta(description="Technical message about what went wrong last.")]
    failed_at: Annotated[
        Moment | None, Meta(description="When it failed; given in the list of dead letters, otherwise null.")
    ]

    @classmethod
    def of(
        cls, upload: Upload, language: Language, failed_at: datetime | None = None
    ) -> "OperatorUploadView":
        """Return the view of *upload*."""
        return cls(
            upload_id=upload.id,
            record_id=upload.record_id,
            user_id=upload.owner_id,
            processing_status=upload.status,
            s3_key=upload.key,
            file_size=upload.file_size,
            content_type=upload.content_type,
            created_at=whole_seconds(upload.created_at),
            attempt=upload.attempt,
            failures=upload.failures,
            failure=FailureView.of(
                upload.shown_failure, language, retryable=upload.retry_obstacle(forced=True) is None
            ),
            error_message=upload.error_message,
            failed_at=None if failed_at is None else whole_seconds(failed_at),
        )
