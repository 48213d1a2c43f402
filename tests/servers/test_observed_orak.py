"""A real Prometheus watches one API process and two workers, and what it shows is true."""

import httpx
import pytest

from alarms import alarms, bare_name, metrics, queries, recorded
from broken_parts import another_time, small_disk
from observed_orak import an_observed_orak, compare, fill_dashboard, headers, make_takes, until
from prometheus_server import Refused

TAKES = 12
OWN = {"ALERTS", "up"}
"""What Prometheus makes itself."""


@pytest.mark.timeout(600)
def test_the_dashboard_and_the_alarms_show_what_is_so(tmp_path):
    with an_observed_orak(tmp_path) as observed:
        make_takes(observed, tmp_path, TAKES)
        figures = compare(observed)
        assert figures['sum(orak_conversions_total{outcome="completed"})'] == (TAKES - 1, TAKES - 1)
        assert figures['max(orak_uploads{state="failed"})'] == (1, 1)
        fill_dashboard(observed)
        assert observed.prometheus.query('ALERTS{alertstate="firing"}') == []
        check_that_queries_name_what_is_exposed(observed)
        check_a_worker_that_is_killed(observed)
        check_a_machine_with_another_time_and_a_full_disk(observed, tmp_path)
        check_a_database_that_is_read_only(observed)
        check_a_database_that_is_stopped(observed)


def check_that_queries_name_what_is_exposed(observed):
    exposed = {bare_name(name) for name in observed.prometheus.metrics(observed.targets)} | recorded() | OWN
    for query in queries():
        observed.prometheus.check(query.replace("$__rate_interval", "5m"))
        assert {bare_name(name) for name in metrics(query)} <= exposed, query
    with pytest.raises(Refused):
        observed.prometheus.check("sum(rate(orak_conversions_total[5m])")


def check_a_worker_that_is_killed(observed):
    observed.workers[0].kill()
    until_alarming(observed, "process-down", 1)


def check_a_machine_with_another_time_and_a_full_disk(observed, folder):
    """Let another worker take the place of the killed one, on such a machine."""
    port = observed.targets[1].rpartition(":")[2]
    (folder / "small").mkdir()
    with small_disk(folder / "small") as fill:
        worker = observed.run("small", "worker", METRICS_PORT=port, **another_time(300))
        until_alarming(observed, "process-down", 0)
        until_alarming(observed, "disk-free", 0)
        fill(folder / "small" / "rest")
        until_alarming(observed, "disk-free", 1)
        until_alarming(observed, "clock-skew", 2)
        worker.kill()
    until_alarming(observed, "clock-skew", 0)


def check_a_database_that_is_read_only(observed):
    observed.database.sql("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    until_alarming(observed, "database-down", 1)  # a process notices when it writes, as workers often do
    observed.database.sql("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
    until_alarming(observed, "database-down", 0)


def check_a_database_that_is_stopped(observed):
    until_alarming(observed, "record-creation-error-rate", 0)
    observed.database.stop("immediate")
    until_alarming(observed, "database-down", 2)
    for _ in range(3):
        refused = httpx.post(
            f"{observed.api}/records/async", json={"title": "a", "uploadId": 1}, headers=headers(), timeout=20
        )
        assert refused.status_code == 503
    until_alarming(observed, "record-creation-error-rate", 1)
    observed.database.start()
    until_alarming(observed, "database-down", 0)


def until_alarming(observed, alarm, series):
    """Wait until the condition of *alarm* holds for at least this many series, or for none."""
    expression = alarms()[alarm]["expr"]

    def holds():
        found = observed.prometheus.query(expression)
        return len(found) >= series if series else not found

    until(holds, lambda: f"{alarm}: {observed.prometheus.query(expression)}, not {series} series")
