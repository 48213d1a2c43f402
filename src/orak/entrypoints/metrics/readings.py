"""The metrics that are read when they are asked for: from the database, from other clocks, from the disk."""

import asyncio
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar

from orak.application.collect_metrics import ServiceMetrics, SubscriberLag
from orak.application.ports.metrics import Row, subscriber_label
from orak.entrypoints.running import Running
from orak.entrypoints.settings.values import Settings
from orak.entrypoints.telemetry.recorders import Readings
from orak.version import __version__

_PATIENCE = 4.0
"""Seconds that the database and the disk have to answer: Prometheus gives up after 10 s."""

T = TypeVar("T")


async def read_metrics(orak: Running) -> Readings:
    """Return what can be read now.

    What cannot be read in time is missing. `orak_database_up` is what the readiness probe of the database
    finds: a database that counts slowly is up.
    """
    counted, health, skews, free = await asyncio.gather(
        _read(orak, "the counts", orak.use_cases.collect_metrics),
        orak.readiness(),
        _read(orak, "the clock skew", orak.clock_skew),
        _read(orak, "the free disk", partial(asyncio.to_thread, _free_part, orak.settings)),
    )
    readings: dict[str, Mapping[Row, float]] = {
        "orak_build_info": {(__version__,): 1},
        "orak_database_up": {(): "database" not in health.failing},
        "orak_part_up": {
            (part,): part not in {*health.failing, *health.degraded} for part in orak.readiness.parts
        },
    }
    if skews:
        readings["orak_clock_skew_seconds"] = {(against,): seconds for against, seconds in skews.items()}
    if free is not None:
        readings["orak_disk_free_ratio"] = {(): free}
    return readings if counted is None else {**readings, **_counted(counted)}


def _counted(metrics: ServiceMetrics) -> Readings:
    counts, batches = metrics.counts, metrics.batches
    return {
        "batch_processing_queue_depth": {(): counts.waiting},
        "batch_processing_oldest_waiting_seconds": {(): metrics.oldest_waiting_seconds},
        "batch_processing_active_jobs": {(): counts.active},
        "orak_uploads": {
            ("processing",): counts.processing,
            ("failed",): counts.failed,
            ("orphan",): counts.orphans,
        },
        "orak_dead_letters": {(): counts.dead_letters},
        "batch_size": {(): metrics.batch_size},
        "batch_runs_total": {(): batches.batches},
        "batch_full_total": {(): batches.full},
        "batch_started_total": {(): batches.started},
        "batch_completed_total": {(): batches.completed},
        "batch_failed_total": {(): batches.failed},
        "batch_duration_seconds_total": {(): batches.seconds},
        **_relayed(metrics.subscribers),
    }


def _relayed(subscribers: Iterable[SubscriberLag]) -> Readings:
    """Return how far each subscriber is behind; of webhook endpoints, the sum and the oldest event."""
    behind, deferred, seconds = Counter[Row](), Counter[Row](), defaultdict[Row, float](float)
    for one in subscribers:
        row = (subscriber_label(one.lag.subscriber),)
        behind[row] += one.lag.behind
        deferred[row] += one.lag.deferred
        seconds[row] = max(seconds[row], one.seconds)
    return {
        "orak_relay_lag_events": behind,
        "orak_relay_deferred_events": deferred,
        "orak_relay_lag_seconds": seconds,
    }


async def _read(orak: Running, name: str, reading: Callable[[], Awaitable[T]]) -> T | None:
    found = await orak.readings(name, reading, _PATIENCE)
    return None if isinstance(found, Exception) else found


def _free_part(settings: Settings) -> float:
    """Return the free part of the disk with the data folder, or with the files of running conversions."""
    usage = shutil.disk_usage(tempfile.gettempdir() if settings.in_memory else settings.data_dir)
    return usage.free / (usage.free + usage.used)  # what only root may use counts as neither
