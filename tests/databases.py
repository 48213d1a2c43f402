"""Databases for tests: migrated once, and every test works on a copy."""

import shutil

import pytest

from orak.adapters.persistence.sql.migrations import upgrade


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("migrated") / "orak.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_file(migrated_file, tmp_path):
    return shutil.copy(migrated_file, tmp_path / "orak.db")


@pytest.fixture
def sqlite_url(sqlite_file):
    return f"sqlite:///{sqlite_file}"
