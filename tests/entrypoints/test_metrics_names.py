"""Every metric that code counts is in the list, and the guide names what `/metrics` shows."""

import ast
import dataclasses
import re
from pathlib import Path

from msgspec.structs import replace

import orak
from http_api import SETTINGS, an_api
from orak.application.ports.metrics import METRICS, READ_METRICS, Histogram
from orak.entrypoints.metrics.exposition import exposition

SOURCE = Path(orak.__file__).parent
GUIDE = SOURCE.parents[1] / "docs" / "guides" / "metrics.md"

LISTED = {metric.name: metric for metric in (*METRICS, *READ_METRICS)}

_ROW = re.compile(r"^\| `(\w+)` \| `([\w.]+)` \|(.*?)\| .* \| `(.+)` \|$", re.MULTILINE)
"""Name, dotted name, labels and query."""


def calls():
    """Yield the name and labels of every call of `count` or `observe` with a literal name."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"count", "observe"}
                and node.args
                and isinstance(node.args[0], ast.Constant)
                and isinstance(node.args[0].value, str)
                and "_" in node.args[0].value  # strings and lists have a method `count`, too
            ):
                yield node.func.attr, node.args[0].value, [keyword.arg for keyword in node.keywords]


def test_every_call_names_a_metric_of_the_list_with_its_labels():
    found = list(calls())
    assert len(found) > 10
    for method, name, labels in found:
        metric = LISTED[name]
        assert (method == "observe") is isinstance(metric, Histogram), name
        assert set(labels) == set(metric.labels), name


def test_names_are_unique_and_end_with_their_unit():
    assert len(LISTED) == len(METRICS) + len(READ_METRICS)
    dotted = [metric.dotted for metric in LISTED.values()]
    assert len(set(dotted)) == len(dotted)


def documented():
    return {
        name: (dotted, tuple(re.findall(r"`(\w+)`", labels)), query)
        for name, dotted, labels, query in _ROW.findall(GUIDE.read_text())
    }


def test_the_guide_describes_every_metric_and_no_other():
    assert {name: (dotted, labels) for name, (dotted, labels, _) in documented().items()} == {
        name: (metric.dotted, metric.labels) for name, metric in LISTED.items()
    }


def test_the_query_of_a_metric_asks_for_metrics_of_the_guide():
    for name, (_, _, query) in documented().items():
        asked = re.findall(r"\b(?:orak|record|s3|batch)_\w+", query)
        assert any(one == name or one.removeprefix(name) in {"_sum", "_count", "_bucket"} for one in asked)
        for one in asked:
            assert re.sub(r"_(sum|count|bucket)$", "", one) in LISTED or one in LISTED


async def test_every_metric_of_the_guide_is_shown_and_no_other(tmp_path):
    async with an_api(SETTINGS) as api:
        running = dataclasses.replace(api.running, settings=replace(SETTINGS, data_dir=tmp_path))
        shown = (await exposition(running)).decode()
    assert set(re.findall(r"^# TYPE (\w+) ", shown, re.MULTILINE)) == documented().keys() - NEEDS_PARTNERS


NEEDS_PARTNERS = {"orak_clock_skew_seconds"}
"""Shown only where there is another clock: that of PostgreSQL or of S3."""
