"""A real Prometheus watches one API process and two workers, and what it shows is true."""

import pytest

from alarms import alarms, bare_name, metrics, queries, recorded
from observed_orak import (
    an_observed_orak,
    compare,
    fill_dashboard,
    make_takes,
    until,
    value_of,
)
from prometheus_server import Refused

TAKES = 12
OWN = {"ALERTS", "up"}
"""What Prometheus makes itself."""


def test_the_dashboard_and_the_alarms_show_what_the_database_holds(tmp_path):
    with an_observed_orak(tmp_path) as observed:
        prometheus = observed.prometheus
        make_takes(observed, tmp_path, TAKES)
        figures = compare(observed)
        assert figures['sum(orak_conversions_total{outcome="completed"})'] == (TAKES - 1, TAKES - 1)
        assert figures['max(orak_uploads{state="failed"})'] == (1, 1)
        fill_dashboard(observed)
        assert prometheus.query('ALERTS{alertstate="firing"}') == []

        exposed = {bare_name(name) for name in prometheus.metrics(observed.targets)} | recorded() | OWN
        for query in queries():
            prometheus.check(query.replace("$__rate_interval", "5m"))
            assert {bare_name(name) for name in metrics(query)} <= exposed, query
        with pytest.raises(Refused):
            prometheus.check("sum(rate(orak_conversions_total[5m])")

        observed.workers[0].kill()
        until(lambda: prometheus.query(alarms()["process-down"]["expr"]), lambda: prometheus.query("up"))
        observed.database.stop("immediate")
        down = alarms()["database-down"]["expr"]
        until(
            lambda: len(prometheus.query(down)) == len(observed.targets) - 1,
            lambda: prometheus.query("orak_database_up"),
        )
        observed.database.start()
        until(lambda: not prometheus.query(down), lambda: prometheus.query("orak_database_up"))
        assert value_of(prometheus, 'count(up{job="orak-worker"} == 0)') == 1
