"""Alarms, dashboard, runbook and collector name metrics that exist."""

import re

import pytest
import yaml

from alarms import ROOT, bare_name, documented, metrics, queries, recorded
from cloudwatch_alarms import cloudwatch_alarms

OF_PROMETHEUS = {"ALERTS", "up"}
COLLECTOR = ROOT / "deploy" / "collector" / "cloudwatch.yaml"


@pytest.fixture
def collector():
    return yaml.safe_load(COLLECTOR.read_text())


def of_cloudwatch():
    """Yield the alarm, the name and the dimensions of each metric that comes from the collector."""
    for name, alarm in cloudwatch_alarms().items():
        parts = [part["MetricStat"]["Metric"] for part in alarm.get("Metrics", ()) if "MetricStat" in part]
        for metric in parts or [alarm]:
            assert metric["Namespace"] == "orak"
            yield name, metric["MetricName"], {dimension["Name"] for dimension in metric["Dimensions"]}


def test_queries_name_what_orak_exposes_or_prometheus_records():
    known = set(documented()) | recorded() | OF_PROMETHEUS
    unknown = {name for query in queries() for name in metrics(query)} - known
    assert {name for name in unknown if bare_name(name) not in known} == set()


def test_metrics_of_a_query_are_found():
    query = 'sum by (le) (rate(a_bucket{b="c", d=~"e.*"}[5m])) / on (f) (max(g offset 1h) > 0) or vector(0)'
    assert metrics(query) == {"a_bucket", "g"}


def test_the_collector_gives_each_metric_its_dotted_name(collector):
    [changes] = collector["processors"]["transform"]["metric_statements"]
    patterns = [
        re.fullmatch(r'replace_pattern\(name, "(.+)", "(.*)"\)', line) for line in changes["statements"]
    ]
    for name, dotted in documented().items():
        for pattern in patterns:
            name = re.sub(pattern[1], pattern[2], name)  # noqa: PLW2901 - as the collector does, one by one
        assert name == dotted


def test_the_collector_writes_what_the_alarms_read(collector):
    assert collector["exporters"]["awsemf"]["namespace"] == "orak"
    written = collector["exporters"]["awsemf"]["metric_declarations"]
    for alarm, metric, dimensions in of_cloudwatch():
        assert metric in documented().values(), alarm
        assert any(
            dimensions in map(set, declared["dimensions"])
            and any(re.search(selector, metric) for selector in declared["metric_name_selectors"])
            for declared in written
        ), (alarm, metric)
