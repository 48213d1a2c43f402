"""Every metric of orak: its name for Prometheus, its meaning, its labels and its buckets.

Labels hold values of small sets. Ids, keys, names and whole paths never become labels.
"""

from collections.abc import Iterable
from itertools import product

import msgspec

from orak.domain.processing import FailureCode, Start
from orak.domain.webhooks import is_webhook

NO_CODE = "none"
"""The failure code of what did not fail."""

OTHER = "(other)"
"""The value of every label in the row that takes what is beyond a metric's limit of rows."""

Row = tuple[str, ...]
"""A value for each label."""


def subscriber_label(subscriber: str) -> str:
    """Return the label of a subscriber. Webhook endpoints, of which there may be many, have one together."""
    return "webhooks" if is_webhook(subscriber) else subscriber


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A metric with a row for each combination of label values that occurred."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    """Rows that are there from the start, at 0: a rule can then divide by them and see the first increase."""
    limit: int = 100
    """The most rows."""

    @property
    def dotted(self) -> str:
        """The name in OpenTelemetry and CloudWatch, which keep the unit apart from the name."""
        return self.name.removesuffix("_total").removesuffix("_seconds").replace("_", ".")

    @property
    def unit(self) -> str:
        """The unit in the notation of UCUM: `s`, or `1` for numbers and ratios."""
        return "s" if self.name.removesuffix("_total").endswith("_seconds") else "1"


class Counter(Metric, frozen=True, kw_only=True):
    """A sum that only rises while the process runs."""


class Histogram(Metric, frozen=True, kw_only=True):
    """A distribution of values."""

    bounds: tuple[float, ...]
    """The upper bounds of the buckets; one more bucket holds what is beyond the last."""


class Gauge(Metric, frozen=True, kw_only=True):
    """A value that is read when it is asked for."""


_ANSWER_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The last bound is below the 12 s after which every answer begins."""

_CONVERSION_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)

_DELAY_BOUNDS = (0.001, 0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
"""Delays of background work, whose target is a mean below 30 s."""

_STORAGE_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)

_CALL_OUTCOMES = ("ok", "refused", "error")


def _alone(values: Iterable[str]) -> tuple[Row, ...]:
    return tuple((value,) for value in values)


HTTP_REQUESTS = Counter(
    name="orak_http_requests_total",
    meaning="Answers to HTTP requests.",
    labels=("method", "route", "status"),
    limit=4000,
)
HTTP_REQUEST_SECONDS = Histogram(
    name="orak_http_request_seconds",
    meaning="Seconds from the first byte of a request to the start of its answer.",
    labels=("method", "route"),
    bounds=_ANSWER_BOUNDS,
    limit=1000,
)

METRICS: tuple[Counter | Histogram, ...] = (
    HTTP_REQUESTS,
    HTTP_REQUEST_SECONDS,
    Histogram(
        name="record_presigned_url_generation_seconds",
        meaning="Seconds of calls that ask for a presigned URL, until their answer starts.",
        labels=("outcome",),
        rows=_alone(_CALL_OUTCOMES),
        bounds=_ANSWER_BOUNDS,
    ),
    Histogram(
        name="record_creation_seconds",
        meaning="Seconds of calls that create a record, with their wait for the conversion.",
        labels=("outcome",),
        rows=_alone(_CALL_OUTCOMES),
        bounds=_ANSWER_BOUNDS,
    ),
    Counter(
        name="record_creation_errors_total",
        meaning="Calls that create a record and were answered with a status of 500 or above.",
        rows=((),),
    ),
    Counter(
        name="s3_uploads_total",
        meaning="Uploads by outcome: arrived, failed because the bytes never came or were not as "
        "declared, or late if they came after that.",
        labels=("outcome",),
        rows=_alone(("arrived", "failed", "late")),
    ),
    Counter(
        name="orak_immediate_starts_total",
        meaning="Calls that create a record, by whether they started its conversion.",
        labels=("outcome",),
        rows=_alone(("started", "no_slot", "not_arrived")),
    ),
    Counter(
        name="orak_conversions_total",
        meaning="Conversions that ended.",
        labels=("outcome", "code", "start"),
        rows=tuple(
            (outcome, code, start)
            for start in Start
            for outcome, code in (
                *(("completed", NO_CODE), ("released", NO_CODE), ("lost", NO_CODE), ("unsettled", NO_CODE)),
                *product(("failed",), FailureCode),
            )
        ),
    ),
    Histogram(
        name="orak_conversion_seconds",
        meaning="Seconds of conversions that completed, from the claim to the published rendition.",
        labels=("profile",),
        bounds=_CONVERSION_BOUNDS,
    ),
    Histogram(
        name="orak_conversion_queue_seconds",
        meaning="Seconds from when a conversion could have started until it started.",
        labels=("start",),
        rows=_alone(Start),
        bounds=_DELAY_BOUNDS,
    ),
    Counter(
        name="orak_conversion_media_seconds_total",
        meaning="Seconds of audio in completed conversions.",
        rows=((),),
    ),
    Histogram(
        name="orak_storage_seconds",
        meaning="Seconds of calls to the object store, also of those that failed.",
        labels=("operation",),
        rows=_alone(("download", "publish", "head", "delete")),
        bounds=_STORAGE_BOUNDS,
    ),
    Counter(
        name="orak_leases_lost_total",
        meaning="Leases that ran out because their worker died or froze, as the sweep found them.",
        rows=((),),
    ),
    Histogram(
        name="batch_fullness",
        meaning="Conversions that a batch started, divided by its size; without batches that started none.",
        rows=((),),
        bounds=(0.1, 0.25, 0.5, 0.75, 0.9, 1.0),
    ),
    Histogram(
        name="orak_event_relay_seconds",
        meaning="Seconds from an event to the moment at which a subscriber had handled it.",
        labels=("subscriber",),
        bounds=_DELAY_BOUNDS,
    ),
    Counter(
        name="orak_webhook_deliveries_total",
        meaning="Attempts to deliver an event to a webhook endpoint.",
        labels=("outcome",),
        rows=_alone(("delivered", "failed", "given_up")),
    ),
)
"""What `Measurements` counts. Every process counts for itself, and a rule adds the processes up."""


def _batch_counter(name: str, meaning: str) -> Counter:
    return Counter(name=f"batch_{name}_total", meaning=meaning)


READ_METRICS: tuple[Counter | Gauge, ...] = (
    Gauge(name="orak_build_info", meaning="The version of orak; always 1.", labels=("version",)),
    Gauge(name="orak_database_up", meaning="Whether the database answers and takes writes."),
    Gauge(
        name="orak_part_up",
        meaning="Whether a part works (readiness probe); 0 also for a part that orak can serve without.",
        labels=("part",),
    ),
    Gauge(
        name="orak_clock_skew_seconds",
        meaning="By how many seconds this machine's clock is ahead of another; negative if it is behind.",
        labels=("against",),
    ),
    Gauge(name="orak_disk_free_ratio", meaning="The free part of the disk that holds the data folder."),
    Gauge(name="batch_processing_queue_depth", meaning="Uploads that wait for conversion."),
    Gauge(
        name="batch_processing_oldest_waiting_seconds",
        meaning="How long the first upload in line that may start has waited.",
    ),
    Gauge(name="batch_processing_active_jobs", meaning="Conversions under a lease."),
    Gauge(name="orak_uploads", meaning="Uploads by state.", labels=("state",)),
    Gauge(
        name="orak_dead_letters",
        meaning="Uploads that failed for good, and that another run may convert.",
    ),
    Gauge(name="batch_size", meaning="Conversions that one batch of one process may start."),
    _batch_counter("runs", "Batches that started a conversion."),
    _batch_counter("full", "Batches that started as many conversions as their size allows."),
    _batch_counter("started", "Conversions that batches started."),
    _batch_counter("completed", "Conversions of batches that completed."),
    _batch_counter("failed", "Conversions of batches that failed for good."),
    _batch_counter("duration_seconds", "Seconds from the beginning of each batch to its last end."),
    Gauge(name="orak_relay_lag_events", meaning="Events not relayed yet.", labels=("subscriber",)),
    Gauge(
        name="orak_relay_deferred_events",
        meaning="Events that failed and will be tried again.",
        labels=("subscriber",),
    ),
    Gauge(
        name="orak_relay_lag_seconds",
        meaning="Age of the oldest event not relayed yet.",
        labels=("subscriber",),
    ),
)
"""What is read when it is asked for, most of it from the database: every process shows the same figures."""
