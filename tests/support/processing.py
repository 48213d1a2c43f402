"""`ProcessUpload` on ports that a test chooses."""

import tempfile
from dataclasses import replace
from datetime import timedelta
from functools import partial

from orak.adapters.measurements.shared import SharedMeasurements
from orak.adapters.traces.none import NoTraces
from orak.application.conversion.attempt_conversion import AttemptConversion
from orak.application.conversion.claim_upload import ClaimUpload
from orak.application.conversion.conversion_outcomes import ConversionOutcomes
from orak.application.conversion.convert_upload import ConversionRules, ConvertUpload
from orak.application.conversion.end_attempt import EndAttempt
from orak.application.conversion.lease_keeper import LeaseKeeper
from orak.application.processing.process_upload import ProcessUpload
from orak.domain.audio import AudioProfile


def a_process(persistence, storage, converter, live, clock, *, heartbeat: timedelta) -> ProcessUpload:
    """Build the use case with the default profile and without jitter."""
    end_attempt = EndAttempt(persistence.transaction, storage, clock, AudioProfile.AAC_128)
    workspace = partial(tempfile.TemporaryDirectory, prefix="orak-test-")
    convert = ConvertUpload(
        storage, converter, workspace, ConversionRules(AudioProfile.AAC_128, 3600), NoTraces()
    )
    keeper = LeaseKeeper(persistence.leases, live, clock, heartbeat)
    return ProcessUpload(
        ClaimUpload(persistence.leases, end_attempt),
        AttemptConversion(convert, keeper, storage, clock, lambda: 1.0),
        end_attempt,
        ConversionOutcomes(SharedMeasurements(), clock, AudioProfile.AAC_128),
        NoTraces(),
    )


def with_ports(
    process: ProcessUpload, *, leases=None, transaction=None, storage=None, converter=None, heartbeat=None
) -> ProcessUpload:
    """Return *process* with some of its ports replaced."""
    end_attempt, attempt, convert = process.end_attempt, process.attempt, process.attempt.convert
    end_attempt = replace(
        end_attempt,
        transaction=transaction or end_attempt.transaction,
        storage=storage or end_attempt.storage,
    )
    return ProcessUpload(
        ClaimUpload(leases or process.claim.leases, end_attempt),
        replace(
            attempt,
            convert=replace(
                convert, converter=converter or convert.converter, storage=storage or convert.storage
            ),
            keeper=replace(attempt.keeper, heartbeat=heartbeat or attempt.keeper.heartbeat),
            storage=storage or attempt.storage,
        ),
        end_attempt,
        process.outcomes,
        process.traces,
    )
