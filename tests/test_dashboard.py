"""The dashboard is what the script writes, and Grafana can lay it out."""

import json
from runpy import run_path

import pytest
from grafana_foundation_sdk.models import dashboard

from alarms import DASHBOARD, ROOT, alarms, dashboard_queries, metrics


@pytest.fixture
def shown():
    return json.loads(DASHBOARD.read_text())


def test_it_is_up_to_date():
    written = run_path(str(ROOT / "deploy" / "grafana" / "generate.py"))["dashboards"]()
    assert written == {DASHBOARD.name: DASHBOARD.read_text()}, "`just docs` writes it again"


def test_it_is_a_dashboard_of_the_schema(shown):
    read = dashboard.Dashboard.from_json(shown)
    assert json.loads(json.dumps(read, default=lambda part: part.to_json())) == shown


def test_panels_fit_on_the_grid_and_do_not_overlap(shown):
    cells = set()
    for panel in shown["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        taken = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        cells |= taken
    assert len({panel["id"] for panel in shown["panels"]}) == len(shown["panels"])


def test_rows_go_from_users_to_the_machine(shown):
    rows = [panel["title"] for panel in shown["panels"] if panel["type"] == "row"]
    assert rows == ["Users", "Uploads", "Conversions", "Queue", "Events", "Machine"]


def test_it_shows_what_each_alarm_looks_at():
    shown = {metric for query in dashboard_queries().values() for metric in metrics(query)}
    for name, alarm in alarms().items():
        assert metrics(alarm["expr"]) <= shown, name
