"""The limits of the use cases, as the settings set them."""

import os
import secrets
import socket
from datetime import UTC, datetime, timedelta

from orak.application.conversion.convert_upload import ConversionRules
from orak.application.operators.get_statistics import BatchRules
from orak.application.use_cases import Policies
from orak.domain.policies.records import RecordPolicy
from orak.domain.policies.uploads import UploadPolicy
from orak.domain.webhooks import CONFIGURED, Endpoint
from orak.entrypoints.settings.share import WHOLE, Share
from orak.entrypoints.settings.values import Settings


def policies_of(settings: Settings, share: Share = WHOLE) -> Policies:
    """Return the limits that *settings* set for a process with this *share* of the machine."""
    return Policies(
        uploads=UploadPolicy(settings.max_upload_bytes, settings.max_duration_seconds),
        records=RecordPolicy(settings.max_duration_seconds),
        conversion=ConversionRules(settings.audio_profile, settings.max_duration_seconds),
        url_life=timedelta(seconds=settings.presign_ttl_seconds),
        immediate_wait=timedelta(milliseconds=settings.immediate_wait_ms),
        lease=timedelta(seconds=settings.lease_seconds),
        heartbeat=timedelta(seconds=settings.heartbeat_seconds),
        orphan_retention=timedelta(hours=settings.orphan_retention_hours),
        event_retention=settings.retention_of_events,
        batch=BatchRules(
            settings.batch_enabled, share.at_least_one_of(min(settings.batch_max_concurrent, settings.cores))
        ),
        batch_size=settings.batch_size,
        batch_interval=timedelta(milliseconds=settings.batch_interval_ms),
        webhook=_configured_webhook(settings),
        # A process id alone is the same in every container.
        process_name=f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(4)}",
    )


def _configured_webhook(settings: Settings) -> Endpoint | None:
    if settings.webhook_url is None or settings.webhook_secret is None:
        return None
    return Endpoint(
        CONFIGURED, settings.webhook_url, settings.webhook_secret, datetime(1970, 1, 1, tzinfo=UTC)
    )
