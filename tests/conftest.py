"""Fixtures that every folder of tests shares."""

from aws_server import aws_server
from databases import migrated_file, postgresql_server, postgresql_url, sqlite_file, sqlite_url
from original_app import original_app
from redis_server import own_redis, redis_server, shared_redis
from s3_servers import s3_server

__all__ = [
    "aws_server",
    "migrated_file",
    "original_app",
    "own_redis",
    "postgresql_server",
    "postgresql_url",
    "redis_server",
    "s3_server",
    "shared_redis",
    "sqlite_file",
    "sqlite_url",
]
