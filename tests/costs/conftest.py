from contextlib import AsyncExitStack

import pytest

from http_wire import counted_requests
from postgresql_wire import counting_proxy
from quiet_orak import a_quiet_orak
from sqlite_statements import forget_connections, note_new_connections


@pytest.fixture
async def postgresql_wire(postgresql_url, postgresql_server):  # noqa: ARG001 - the fixture empties the tables
    """A counting proxy before a database with empty tables."""
    async with counting_proxy(postgresql_server) as proxy:
        yield proxy


@pytest.fixture
async def on_postgresql(postgresql_wire, tmp_path):
    """A client of orak on PostgreSQL and local storage."""
    async with a_quiet_orak(data_dir=tmp_path, database_url=postgresql_wire.url()) as client:
        yield client


@pytest.fixture
async def on_sqlite(sqlite_url, tmp_path):
    """A client of orak on SQLite and local storage."""
    note_new_connections()
    async with a_quiet_orak(data_dir=tmp_path, database_url=sqlite_url) as client:
        yield client
    forget_connections()


@pytest.fixture
async def on_s3(postgresql_wire, s3_server, tmp_path):
    """A client of orak on PostgreSQL and S3, and the count of the requests to S3."""
    bucket = s3_server.new_bucket()
    async with AsyncExitStack() as stack:
        url, counts = await stack.enter_async_context(counted_requests(s3_server.port))
        client = await stack.enter_async_context(
            a_quiet_orak(
                data_dir=tmp_path,
                database_url=postgresql_wire.url(),
                s3_bucket_name=bucket.bucket,
                s3_region=bucket.region,
                s3_endpoint_url=url,
                aws_access_key_id=bucket.credentials.access_key,
                aws_secret_access_key=bucket.credentials.secret_key,
            )
        )
        yield client, counts
