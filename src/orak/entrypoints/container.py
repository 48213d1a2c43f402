"""The adapter of each port, chosen by the settings. `application/use_cases.py` builds the use cases."""

import asyncio
import random
from datetime import timedelta

from dependency_injector import containers, providers

from orak.adapters.audio.child_converter import ChildConverter
from orak.adapters.aws.config import AwsConfig
from orak.adapters.cache.memory import MemoryCache
from orak.adapters.cache.none import NoCache
from orak.adapters.clock.following import FollowingClock
from orak.adapters.clock.system import SystemClock
from orak.adapters.ids.random import RandomIds
from orak.adapters.live.memory import MemoryLive
from orak.adapters.measurements.shared import SharedMeasurements
from orak.adapters.queues.inline import InlineQueue
from orak.adapters.queues.slots import Slots
from orak.adapters.storage.bucket_settings import BucketSettings
from orak.adapters.storage.measured import MeasuredStorage
from orak.adapters.storage.sigv4 import Credentials
from orak.adapters.traces.none import NoTraces
from orak.adapters.webhooks.poster import HttpPoster
from orak.adapters.workspaces.disk import Workspaces
from orak.application.ports.measurements import Measurements
from orak.application.ports.traces import Traces
from orak.application.use_cases import Ports
from orak.application.waits import Waits
from orak.entrypoints import opening
from orak.entrypoints.data_dir import database_url, secret_key
from orak.entrypoints.settings.sources import shown_value
from orak.entrypoints.settings.values import Settings
from orak.entrypoints.tokens import choose_tokens
from orak.version import __version__


class Container(containers.DeclarativeContainer):
    """One provider a port. An adapter is made when its provider is first called; the others cost nothing."""

    settings = providers.Dependency(instance_of=Settings)
    # How many conversions run in this process: at once, in create calls and in the background.
    # `wakes` is what its wake-ups reach.
    cores = providers.Dependency(instance_of=int, default=1)
    slots = providers.Dependency(instance_of=int, default=0)
    workers = providers.Dependency(instance_of=int, default=0)
    wakes = providers.Dependency(instance_of=str, default="inline")
    # Whether to start without a PostgreSQL that is down, and to learn what the bucket can do. A service does.
    patient = providers.Dependency(instance_of=bool, default=False)
    # Where to count: in a table of the process itself, or in one that several processes share.
    counted = providers.Dependency(
        instance_of=SharedMeasurements, default=providers.Singleton(SharedMeasurements)
    )
    # What records the spans of this process and what it measures.
    traces: providers.Dependency[Traces] = providers.Dependency(default=NoTraces())
    measurements: providers.Dependency[Measurements] = providers.Dependency(default=counted)
    chosen = settings.provided

    nothing: providers.Object[None] = providers.Object(None)

    system, shared = providers.Singleton(SystemClock), providers.Singleton(FollowingClock)
    clock = providers.Selector(chosen.database_kind, memory=system, sqlite=system, postgresql=shared)
    ids = providers.Singleton(RandomIds)
    chance = providers.Object(random.SystemRandom().random)
    tokens = providers.Singleton(choose_tokens, settings, clock)

    url = providers.Callable(database_url, settings)
    lease = providers.Factory(timedelta, seconds=chosen.lease_seconds)
    sql = opening.optional(
        "DATABASE_URL",
        "orak.adapters.persistence.sql.database:SqlPersistence.prepared",
        *(url, clock, lease),
        upgrade=chosen.db_auto_upgrade,
        patient=patient,
        pooler=chosen.database_pooler,
        pool_size=chosen.pool_size,
        traces=traces,
    )
    memory = providers.Resource(
        opening.imported("orak.adapters.persistence.memory.database:MemoryPersistence.open"),
        clock=clock,
        lease=lease,
    )
    persistence = providers.Selector(chosen.database_kind, memory=memory, sqlite=sql, postgresql=sql)
    # On PostgreSQL, which several machines share, the clock follows the database's.
    following = providers.Resource(FollowingClock.following, clock, persistence.provided.now)

    keys = chosen.aws_access_key_id, chosen.aws_secret_access_key, chosen.aws_session_token
    bucket = providers.Factory(
        BucketSettings,
        *(chosen.s3_bucket_name, chosen.s3_region, chosen.bucket_endpoint, chosen.s3_addressing_style),
        providers.Callable(Credentials.given, *keys),
    )
    signing_key = providers.Callable(secret_key, settings, "signing.key")
    storage = providers.Selector(
        chosen.storage_kind,
        memory=providers.Singleton(
            opening.imported("orak.adapters.storage.memory:MemoryStorage"),
            *(chosen.base_url, signing_key, clock),
        ),
        local=providers.Resource(
            opening.imported("orak.adapters.storage.local:LocalStorage.open"),
            *(chosen.objects_dir, chosen.base_url, signing_key, clock),
        ),
        s3=opening.optional(
            "S3_BUCKET_NAME",
            "orak.adapters.storage.s3:S3Storage.open",
            *(bucket, clock),
            origins=chosen.foreign_origins,
            learns=patient,
        ),
    )
    workspaces = providers.Resource(Workspaces.open, chosen.work_dir)
    converter = providers.Resource(ChildConverter)
    poster = providers.Resource(HttpPoster, f"orak/{__version__}", allow_private=chosen.webhook_allow_private)

    broker = chosen.redis_url
    name = providers.Callable("Redis at {}".format, providers.Callable(shown_value, "redis_url", broker))
    link = opening.optional("REDIS_URL", "orak.adapters.redis.link:RedisLink.open", broker, name)
    redis = providers.Selector(chosen.broker_kind, none=nothing, redis=link)
    live = providers.Selector(
        chosen.broker_kind,
        none=providers.Singleton(MemoryLive),
        redis=opening.optional("REDIS_URL", "orak.adapters.live.redis:RedisLive.open", broker, link),
    )
    cache = providers.Selector(
        chosen.cache_kind,
        none=providers.Singleton(NoCache),
        memory=providers.Singleton(MemoryCache, clock),
        redis=providers.Singleton(opening.imported("orak.adapters.cache.redis:RedisCache"), link, clock),
    )

    # Immediate and background conversions share these cores.
    capacity = providers.Singleton(asyncio.Semaphore, cores)
    pool = providers.Singleton(InlineQueue, capacity, clock, workers=workers)
    taskiq = opening.optional(
        "REDIS_URL", "orak.adapters.queues.taskiq_queue:TaskiqQueue.open", broker, link, clock
    )
    pool_first = providers.Singleton(
        opening.imported("orak.adapters.queues.shared:SharedQueue"), pool, taskiq
    )
    queue = providers.Selector(wakes, inline=pool, redis=taskiq, shared=pool_first)
    starter = providers.Singleton(Slots, queue, capacity, immediate=slots)

    aws = providers.Factory(AwsConfig, chosen.events_region, chosen.aws_endpoint_url, *keys)
    eventbridge = opening.optional(
        "EVENTBRIDGE_BUS_NAME",
        "orak.adapters.events.eventbridge:EventBridge.open",
        *(aws, chosen.eventbridge_bus_name, clock),
    )
    event_bus = providers.Selector(chosen.event_bus_kind, none=nothing, eventbridge=eventbridge)
    cdn = opening.optional(
        "CLOUDFRONT_DISTRIBUTION_ID",
        "orak.adapters.cdn.cloudfront_cache:CloudFrontCache.open",
        *(aws, chosen.cloudfront_distribution_id, chosen.media_url),
    )
    cdn_cache = providers.Selector(chosen.cdn_kind, none=nothing, cloudfront=cdn)
    private_urls = opening.optional(
        "CLOUDFRONT_PRIVATE_KEY",
        "orak.adapters.cdn.cloudfront_urls:CloudFrontUrls.open",
        *(chosen.media_url, chosen.cloudfront_key_id, chosen.cloudfront_private_key, clock),
    )
    sqs_url = chosen.sqs_queue_url
    messages = opening.optional("SQS_QUEUE_URL", "orak.adapters.events.sqs:SqsQueue.open", aws, sqs_url)

    ports = providers.Singleton(
        Ports,
        transaction=persistence.provided.transaction,
        snapshots=persistence.provided.snapshots,
        intake=persistence.provided.intake,
        record_intake=persistence.provided.record_intake,
        leases=persistence.provided.leases,
        arrivals=persistence.provided.arrivals,
        event_log=persistence.provided.event_log,
        cursors=persistence.provided.cursors,
        histories=persistence.provided.histories,
        idempotency_keys=persistence.provided.idempotency_keys,
        tickets=persistence.provided.tickets,
        endpoints=persistence.provided.endpoints,
        deliveries=persistence.provided.deliveries,
        reports=persistence.provided.reports,
        batch_settings=persistence.provided.batch_settings,
        batch_log=persistence.provided.batch_log,
        storage=providers.Singleton(MeasuredStorage, storage, measurements),
        incomplete_uploads=storage,
        converter=converter,
        workspace=workspaces,
        starter=starter,
        queue=queue,
        cache=cache,
        live=live,
        event_bus=event_bus,
        cdn_cache=cdn_cache,
        poster=poster,
        clock=clock,
        ids=ids,
        chance=chance,
        measurements=measurements,
        traces=traces,
        waits=providers.Singleton(Waits),
    )
