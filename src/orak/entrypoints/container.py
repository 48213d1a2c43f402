"""Which adapter stands behind which port: the only module that knows both."""

import asyncio
import random
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from dependency_injector import containers, providers

from orak.adapters.audio.child_converter import ChildConverter
from orak.adapters.auth.jwt import JwtTokens
from orak.adapters.clock.system import SystemClock
from orak.adapters.ids.random import RandomIds
from orak.adapters.live.memory import MemoryLive
from orak.adapters.persistence.sql.database import SqlPersistence
from orak.adapters.persistence.sql.migrations import upgrade
from orak.adapters.queues.inline import InlineQueue
from orak.adapters.queues.slots import Slots
from orak.adapters.storage.local import LocalStorage
from orak.application.events.readers import DeleteObjects, TellLive
from orak.application.events.relay_facts import RelayFacts
from orak.application.import_songs import ImportSongs
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.leases import Leases
from orak.application.ports.live import Live
from orak.application.ports.storage import ObjectGate, Storage
from orak.application.ports.tokens import Tokens
from orak.application.processing.lease_keeper import LeaseKeeper
from orak.application.processing.process_upload import ConversionRules, ProcessUpload
from orak.application.processing.sweep import Sweep
from orak.application.records.change_record import ChangeRecord
from orak.application.records.create_record import CreateRecord
from orak.application.records.delete_record import DeleteRecord
from orak.application.records.get_record import GetRecord
from orak.application.records.list_records import ListRecords
from orak.application.records.retry_record import RetryRecord
from orak.application.register_user import RegisterUser
from orak.application.uploads.cancel_upload import CancelUpload
from orak.application.uploads.get_upload import GetUpload
from orak.application.uploads.receive_upload import ReceiveUpload
from orak.application.uploads.request_upload import RequestUpload
from orak.application.use_cases import UseCases
from orak.domain.identity import ObjectKey
from orak.domain.policies import UploadPolicy
from orak.entrypoints.settings import Settings
from orak.entrypoints.worker.timers import Timer
