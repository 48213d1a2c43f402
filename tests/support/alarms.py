"""The alarms, the dashboard and the runbook, as tests read them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboard.json"
RUNBOOKS = [ROOT / "docs" / "guides" / name for name in ("runbook.md", "runbook.ko.md")]

ALARMS = {
    "api-p95",
    "batch-delay",
    "batch-processing-queue-depth",
    "clock-skew",
    "database-down",
    "dead-letters",
    "disk-free",
    "immediate-ratio",
    "lost-leases",
    "oldest-waiting-take",
    "part-down",
    "process-down",
    "record-creation-error-rate",
    "relay-lag",
    "s3-upload-failure-rate",
}

_WORDS = {"and", "bool", "by", "offset", "on", "or", "unless", "without"}


def rules() -> list[dict]:
    """Return the rules of Prometheus, recording and alerting."""
    groups = yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alarms() -> dict[str, dict]:
    """Return the alerting rules by their name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def recorded() -> set[str]:
    """Return the metrics that Prometheus itself records."""
    return {rule["record"] for rule in rules() if "record" in rule}


def dashboard_queries() -> dict[str, str]:
    """Return the queries of the dashboard, each by its panel and legend."""
    return {
        f"{panel['id']} {panel['title']}: {target['legendFormat']}": target["expr"]
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        for target in panel.get("targets", ())
    }


def sections(runbook: Path) -> dict[str, str]:
    """Return the text of each section by its heading."""
    parts = re.split(r"^## (.+)\n", runbook.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def code(text: str, language: str) -> list[str]:
    """Return the lines of code in *language*, without comments."""
    blocks = re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    lines = (re.sub(r" +#.*", "", line).strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line]


def queries() -> Iterator[str]:
    """Yield every query of rules, dashboard and runbooks."""
    yield from (rule["expr"] for rule in rules())
    yield from dashboard_queries().values()
    for runbook in RUNBOOKS:
        yield from code(runbook.read_text(), "promql")


def metrics(query: str) -> set[str]:
    """Return the names of the metrics that *query* reads."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(?:by|without|on) \([^)]*\)", " ", re.sub(r'"[^"]*"', '""', query))
    names = re.findall(r"\b([a-zA-Z_:][\w:]*)\b(?! *\()", bare)
    return set(names) - _WORDS - {"Inf", "NaN"}


def bare_name(metric: str) -> str:
    """Return the name of the metric that a series of a histogram belongs to."""
    return re.sub(r"_(?:bucket|count|sum)$", "", metric)


def documented() -> dict[str, str]:
    """Return the dotted name of each metric that the guide lists, by its name in Prometheus."""
    guide = (ROOT / "docs" / "guides" / "metrics.md").read_text()
    return dict(re.findall(r"^\| `(\w+)` \| `([\w.]+)` \|", guide, re.MULTILINE))
