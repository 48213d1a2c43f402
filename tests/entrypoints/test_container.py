"""Every profile of settings builds: providers check no arguments before they are called."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from orak import Settings
from orak.application.use_cases import Ports, UseCases, build_use_cases
from orak.entrypoints.container import Container
from orak.entrypoints.opening import blaming, made, opened
from orak.entrypoints.running import open_parts, run, running
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.policies import policies_of

PARTS = ("persistence", "storage", "workspaces", "converter", "redis", "live", "queue", "poster", "event_bus")

AWS = {
    "s3_bucket_name": "takes",
    "s3_region": "eu-west-1",
    "aws_access_key_id": "key",
    "aws_secret_access_key": "secret",
    "eventbridge_bus_name": "bus",
    "sqs_queue_url": "https://sqs.eu-west-1.amazonaws.com/123456789012/orak",
}
REDIS = {"redis_url": "redis://127.0.0.1:1/0"}  # no server listens there: the test does not connect
PROFILES = {
    "memory": {"data_dir": Path("memory:")},
    "memory database": {"database_url": "memory:"},
    "embedded": {},
    "redis": REDIS,
    "aws": AWS,
    "everything": AWS | REDIS,
    "postgresql": {},
}


@pytest.fixture(params=PROFILES)
def settings(request, tmp_path):
    fields = {"data_dir": tmp_path / "data", "db_auto_upgrade": True} | PROFILES[request.param]
    if request.param in {"postgresql", "everything"}:
        fields["database_url"] = request.getfixturevalue("postgresql_url")
    return Settings(**fields)


@pytest.mark.parametrize("wakes", ["inline", "redis"])
async def test_every_profile_builds_the_use_cases(settings, wakes):
    if wakes == "redis" and settings.redis_url is None:
        wakes = "inline"
    container = Container(settings=settings, workers=1, wakes=wakes)
    async with opened(*(container.providers[name] for name in PARTS)):
        ports = await made(container.ports)
        assert isinstance(ports, Ports)
        assert isinstance(build_use_cases(ports, policies_of(settings)), UseCases)
        assert await made(container.tokens)


@pytest.mark.parametrize("serves", [True, False])
async def test_every_profile_starts_and_stops(settings, serves):
    async with run(settings, serves=serves) as orak:
        health = await orak.readiness()
        # No server listens for AWS and Redis here.
        unreachable = {"storage"} if settings.s3_bucket_name else set()
        assert set(health.failing) == unreachable | ({"redis"} if settings.redis_url else set())
        assert health.degraded == []


async def test_a_command_opens_only_the_parts_that_it_requests(settings):
    async with open_parts(settings, "persistence") as container:
        assert await (await made(container.persistence)).event_log.last() == 0
        assert not (settings.data_dir / "objects").exists()


async def test_in_memory_orak_leaves_nothing_on_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with running(Settings(data_dir=Path("memory:"))) as use_cases:
        assert isinstance(use_cases, UseCases)
    assert list(tmp_path.iterdir()) == []


async def test_a_command_on_postgresql_goes_by_the_databases_clock(postgresql_url, tmp_path, monkeypatch):
    ahead = datetime.now(UTC) + timedelta(days=1)
    monkeypatch.setattr("orak.adapters.clock.following.datetime", SimpleNamespace(now=lambda _zone: ahead))
    settings = Settings(data_dir=tmp_path, database_url=postgresql_url, db_auto_upgrade=True)
    async with open_parts(settings, "persistence") as container:
        assert container.clock().now() < ahead - timedelta(hours=23)


async def test_a_worker_needs_no_token_settings(tmp_path):
    wrong = {"jwt_secret": "s" * 32, "jwt_algorithms": ("RS256",)}
    async with run(Settings(data_dir=tmp_path, **wrong), serves=False):
        pass
    with pytest.raises(InvalidSetting, match="JWT_ALGORITHMS"):
        async with run(Settings(data_dir=tmp_path, **wrong)):
            pass


def test_a_bug_in_an_adapter_is_not_blamed_on_a_setting():
    with pytest.raises(TypeError), blaming("DATABASE_URL"):
        raise TypeError("a bug in a migration")
