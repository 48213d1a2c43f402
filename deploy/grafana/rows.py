"""What the dashboard shows, from what users notice down to the machine: one row a subject.

Rates use `$__rate_interval`, which Grafana derives from the scrape interval. What the database counts is the
same in every process and is compared by max. What a process counts itself is added up.
"""

from typing import NamedTuple


class Panel(NamedTuple):
    """A graph, or one big number if `is_number`."""

    title: str
    unit: str
    about: str
    queries: dict[str, str]
    """Expressions by their legend."""
    limit: float | None = None
    """Where an alarm fires; drawn as a line."""
    fires_below: bool = False
    is_number: bool = False


def _p(quantile: float, histogram: str, *by: str, where: str = "") -> str:
    buckets = f"rate({histogram}_bucket{where}[$__rate_interval])"
    return f"histogram_quantile({quantile}, sum by ({', '.join(('le', *by))}) ({buckets}))"


def _rate(counter: str, *by: str) -> str:
    grouped = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouped} (rate({counter}[$__rate_interval]))"


_API = '{route=~"/records/async/.+|/batch/.+", route!~"/records/async/(live|events)"}'

USERS = (
    Panel(
        "Alarms that fire", "short", "The table of alarms is on the page Alerts of Prometheus.",
        {"firing": 'sum(ALERTS{service="orak",alertstate="firing"}) or vector(0)'}, 1, is_number=True,
    ),
    Panel(
        "Failing create calls", "percentunit", "Alarm record-creation-error-rate. 4xx are no failures.",
        {"5xx": "record_creation_error_rate"}, 0.05, is_number=True,
    ),
    Panel("API P95", "s", "Alarm api-p95.", {"P95": "orak_api_p95_seconds"}, 0.5, is_number=True),
    Panel(
        "Failed uploads", "percentunit", "Alarm s3-upload-failure-rate: the object never came, or was wrong.",
        {"failed": "s3_upload_failure_rate"}, 0.01, is_number=True,
    ),
    Panel(
        "Started in the create call", "percentunit", "Alarm immediate-ratio.",
        {"immediate": "orak_immediate_ratio"}, 0.9, fires_below=True, is_number=True,
    ),
    Panel(
        "Records", "short", "Records that were created since the API processes started.",
        {"created": 'sum(record_creation_seconds_count{outcome="ok"})'}, is_number=True,
    ),
    Panel(
        "Calls by route", "reqps", "Answers a second.",
        {"{{method}} {{route}}": _rate("orak_http_requests_total", "method", "route")},
    ),
    Panel(
        "Answers by status", "reqps", "Refusals are 4xx, failures 5xx.",
        {"{{status}}": _rate("orak_http_requests_total", "status")},
    ),
    Panel(
        "Errors", "reqps", "Answers with 5xx, and create calls among them.",
        {
            "5xx": 'sum(rate(orak_http_requests_total{status=~"5.."}[$__rate_interval])) or vector(0)',
            "create calls": _rate("record_creation_errors_total"),
        },
    ),
    Panel(
        "Time of API calls", "s", "Until the answer. Create calls, which wait, and streams do not count.",
        {
            "P50": _p(0.5, "orak_http_request_seconds", where=_API),
            "P95": _p(0.95, "orak_http_request_seconds", where=_API),
            "P99": _p(0.99, "orak_http_request_seconds", where=_API),
        },
        0.5,
    ),
    Panel(
        "P95 of presigned URLs", "s", "record.presigned.url.generation",
        {"{{outcome}}": _p(0.95, "record_presigned_url_generation_seconds", "outcome")},
    ),
    Panel(
        "P95 of create calls", "s", "record.creation, with the wait for the conversion (IMMEDIATE_WAIT_MS).",
        {"{{outcome}}": _p(0.95, "record_creation_seconds", "outcome")},
    ),
)  # fmt: skip

UPLOADS = (
    Panel(
        "Uploads by outcome", "short", "Uploads a second. `late` came after they had counted as failed.",
        {"{{outcome}}": _rate("s3_uploads_total", "outcome")},
    ),
    Panel(
        "Failed uploads", "percentunit", "Of the last hour: an upload fails only when its URL has expired.",
        {"failed": "s3_upload_failure_rate"}, 0.01,
    ),
    Panel(
        "Uploads by state", "short", "Counted in the database.",
        {"{{state}}": "max by (state) (orak_uploads)"},
    ),
    Panel(
        "P95 of the object store", "s", "By operation.",
        {"{{operation}}": _p(0.95, "orak_storage_seconds", "operation")},
    ),
    Panel(
        "Calls to the object store", "ops", "By operation.",
        {"{{operation}}": _rate("orak_storage_seconds_count", "operation")},
    ),
    Panel(
        "Arrived uploads", "short", "Since the processes started.",
        {"arrived": 'sum(s3_uploads_total{outcome=~"arrived|late"})'}, is_number=True,
    ),
)  # fmt: skip

CONVERSIONS = (
    Panel(
        "Conversions by outcome", "short",
        "A second. `released` went back in line, `lost` lost their lease, `unsettled` the database.",
        {"{{outcome}}": _rate("orak_conversions_total", "outcome")},
    ),
    Panel(
        "Failures by code", "short", "Conversions a second that failed for good.",
        {"{{code}}": 'sum by (code) (rate(orak_conversions_total{outcome="failed"}[$__rate_interval]))'},
    ),
    Panel(
        "Conversions by start", "short", "In the create call, by a wake-up, or by a batch.",
        {"{{start}}": _rate("orak_conversions_total", "start")},
    ),
    Panel(
        "Time of a conversion", "s", "From the claim to the published rendition.",
        {
            "P50 {{profile}}": _p(0.5, "orak_conversion_seconds", "profile"),
            "P95 {{profile}}": _p(0.95, "orak_conversion_seconds", "profile"),
        },
    ),
    Panel(
        "Audio converted", "short", "Seconds of audio a second.",
        {"audio": _rate("orak_conversion_media_seconds_total")},
    ),
    Panel(
        "Starts in create calls", "short", "`no_slot`: a worker does it. `not_arrived`: no bytes yet.",
        {"{{outcome}}": _rate("orak_immediate_starts_total", "outcome")},
    ),
    Panel(
        "Started in the create call", "percentunit", "Alarm immediate-ratio: of those that had arrived.",
        {"immediate": "orak_immediate_ratio"}, 0.9, fires_below=True,
    ),
    Panel(
        "Lost leases", "short", "Alarm lost-leases: within 15 minutes, found by the sweep.",
        {"lost": "sum(increase(orak_leases_lost_total[15m]))"}, 1,
    ),
    Panel(
        "Completed conversions", "short", "Since the processes started.",
        {"completed": 'sum(orak_conversions_total{outcome="completed"})'}, is_number=True,
    ),
)  # fmt: skip

QUEUE = (
    Panel(
        "Waiting and running", "short", "Alarm batch-processing-queue-depth.",
        {
            "waiting": "max(batch_processing_queue_depth)",
            "running": "max(batch_processing_active_jobs)",
        },
        100,
    ),
    Panel(
        "Oldest waiting upload", "s", "Alarm oldest-waiting-take: of those that may start.",
        {"oldest": "max(batch_processing_oldest_waiting_seconds)"}, 300,
    ),
    Panel(
        "Delay before a worker starts", "s", "Alarm batch-delay: mean of 15 minutes, wake-ups and batches.",
        {"mean": "orak_batch_delay_seconds"}, 30,
    ),
    Panel(
        "P95 of the delay", "s", "From when a conversion could start until it did.",
        {"{{start}}": _p(0.95, "orak_conversion_queue_seconds", "start")},
    ),
    Panel(
        "Batches", "short", "Batches a minute; full ones have a backlog behind them.",
        {
            "all": "60 * max(rate(batch_runs_total[$__rate_interval]))",
            "full": "60 * max(rate(batch_full_total[$__rate_interval]))",
        },
    ),
    Panel(
        "Dead letters", "short", "Alarm dead-letters: new ones that another run may convert.",
        {"dead letters": "max(orak_dead_letters)"},
    ),
)  # fmt: skip

EVENTS = (
    Panel(
        "Lag of subscribers", "s", "Alarm relay-lag: age of the oldest event that was not handled.",
        {"{{subscriber}}": "max by (subscriber) (orak_relay_lag_seconds)"}, 600,
    ),
    Panel(
        "Events not handled", "short", "Beyond the cursor, and set aside after a failure.",
        {
            "{{subscriber}} behind": "max by (subscriber) (orak_relay_lag_events)",
            "{{subscriber}} deferred": "max by (subscriber) (orak_relay_deferred_events)",
        },
    ),
    Panel(
        "P95 of the relay", "s", "From an event to the moment a subscriber had handled it.",
        {"{{subscriber}}": _p(0.95, "orak_event_relay_seconds", "subscriber")},
    ),
    Panel(
        "Webhook deliveries", "short", "Attempts a second.",
        {"{{outcome}}": _rate("orak_webhook_deliveries_total", "outcome")},
    ),
)  # fmt: skip

MACHINE = (
    Panel(
        "Processes that answer", "short", "Alarm process-down.",
        {"{{job}} {{instance}}": 'up{job=~"orak-.*"}'}, 0.5, fires_below=True,
    ),
    Panel(
        "Database", "short", "Alarm database-down: 1 while the process can use it.",
        {"{{instance}}": "min by (instance) (orak_database_up)"}, 0.5, fires_below=True,
    ),
    Panel(
        "Parts", "short", "Alarm part-down: 1 while the storage, the disk or Redis works for the process.",
        {"{{instance}} {{part}}": 'min by (instance, part) (orak_part_up{part!~"database|clock"})'},
        0.5, fires_below=True,
    ),
    Panel(
        "Free disk", "percentunit", "Alarm disk-free: of the data folder.",
        {"{{instance}}": "min by (instance) (orak_disk_free_ratio)"}, 0.1, fires_below=True,
    ),
    Panel(
        "Clock skew", "s", "Alarm clock-skew: against the database and the object store.",
        {"{{instance}} {{against}}": "max by (instance, against) (abs(orak_clock_skew_seconds))"}, 30,
    ),
    Panel(
        "Versions", "short", "Processes by version: two lines during an upgrade.",
        {"{{version}}": "count by (version) (orak_build_info)"},
    ),
)  # fmt: skip

ROWS = {
    "Users": USERS,
    "Uploads": UPLOADS,
    "Conversions": CONVERSIONS,
    "Queue": QUEUE,
    "Events": EVENTS,
    "Machine": MACHINE,
}
