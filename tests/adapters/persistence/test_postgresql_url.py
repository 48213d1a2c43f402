"""URLs of PostgreSQL as libpq reads them."""

import socket

import pytest
from sqlalchemy import text

from orak.adapters.persistence.sql.postgresql import read_once
from orak.adapters.persistence.sql.postgresql_url import PostgresqlServer, PostgresqlUrl
from orak.application.ports.failures import Unavailable


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("postgresql:///db", [(None, None, None)]),
        ("postgresql://me:pw@/db?port=6000", [(None, 6000, None)]),
        ("postgresql://me@one/db", [("one", None, None)]),
        ("postgresql://me:p%40w@one:6000,two/db", [("one", 6000, None), ("two", None, None)]),
        ("postgres://%2Frun%2Fpg/db", [("/run/pg", None, None)]),
        ("postgresql://[::1]:6000/db", [("::1", 6000, None)]),
        ("postgresql://[::1]/db", [("::1", None, None)]),
        ("postgresql:///db?host=/run/pg,two&port=6000,6001", [("/run/pg", 6000, None), ("two", 6001, None)]),
        ("postgresql:///db?host=one,two&port=6000", [("one", 6000, None), ("two", 6000, None)]),
        ("postgresql://one/db?host=two", [("two", None, None)]),
        ("postgresql://one:6000/db?hostaddr=10.0.0.1", [("10.0.0.1", 6000, "one")]),
        ("postgresql:///db?hostaddr=10.0.0.1,::1&port=6000", [("10.0.0.1", 6000, None), ("::1", 6000, None)]),
        ("postgresql://a,b/db?hostaddr=10.0.0.1,", [("10.0.0.1", None, "a"), ("b", None, None)]),
    ],
)
def test_the_servers_are_those_of_libpq(url, servers):
    assert PostgresqlUrl.parse(url).servers == [PostgresqlServer(*server) for server in servers]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgresql://one:port/db", "port"),
        ("postgresql://one,two/db?hostaddr=10.0.0.1", "do not match"),
        ("postgresql://one,two/db?port=1,2,3", "do not match"),
        ("postgresql://one/db?target_session_attrs=standby", "takes writes"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url, problem):
    with pytest.raises(ValueError, match=problem):
        PostgresqlUrl.parse(url)


def test_verifying_a_name_needs_a_file_of_authorities(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    url = "postgresql://db.example/db?hostaddr=127.0.0.1&port=1&sslmode=verify-full"
    with pytest.raises(Unavailable, match="sslmode=verify-full needs sslrootcert"):
        read_once(url, lambda connection: connection.execute(text("SELECT 1")))


def test_settings_of_the_session_are_apart_from_parameters_of_the_driver():
    parsed = PostgresqlUrl.parse(
        "postgresql://me:pw@one/db?sslmode=require&statement_timeout=1s&connect_timeout=3&keepalives=1&a=b"
    )
    assert parsed.dsn == "postgresql://me:pw@/db?sslmode=require"
    assert parsed.settings == {"statement_timeout": "1s", "a": "b"}
    assert parsed.connect_timeout == 3


def test_a_server_that_does_not_answer_is_passed_over(postgresql_server):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = f"127.0.0.1,{postgresql_server.folder}&port={silent.getsockname()[1]},5432"
        url = f"postgresql://postgres@/postgres?host={hosts}&connect_timeout=1"
        assert read_once(url, lambda connection: connection.scalar(text("SELECT 1"))) == 1


def test_every_server_that_will_not_do_is_named(tmp_path):
    url = f"postgresql://postgres@/postgres?host={tmp_path},localhost&port=1,1"
    with pytest.raises(Unavailable, match=rf"{tmp_path}:1: .*; localhost:1: "):
        read_once(url, lambda connection: connection)


@pytest.mark.parametrize("target", ["any", "primary", "read-write"])
def test_target_session_attrs_is_obeyed(postgresql_server, target):
    postgresql_server.sql("ALTER ROLE postgres SET default_transaction_read_only = on")
    try:
        url = f"{postgresql_server.url()}&target_session_attrs={target}"
        if target == "read-write":
            with pytest.raises(Unavailable, match="read-only"):
                read_once(url, lambda connection: connection)
        else:
            read_once(url, lambda connection: connection)
    finally:
        postgresql_server.sql(
            "SET default_transaction_read_only = off",
            "ALTER ROLE postgres RESET default_transaction_read_only",
        )
