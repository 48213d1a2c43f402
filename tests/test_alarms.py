"""Each alarm is the same in Prometheus, in CloudWatch and in the runbook."""

import secrets
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from alarms import ALARMS, PROMETHEUS, alarms
from cloudwatch_alarms import TEMPLATE, cloudwatch_alarms

BALANCER = "app/orak/0123456789abcdef"


def test_prometheus_and_cloudwatch_have_the_same_alarms():
    assert set(alarms()) == set(cloudwatch_alarms(LoadBalancer=BALANCER)) == ALARMS
    assert set(cloudwatch_alarms()) == ALARMS - {"api-p95"}, "its figures come from the load balancer"


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_leads_to_its_section_of_the_runbook(name):
    url = alarms()[name]["annotations"]["runbook_url"]
    assert url == f"{{{{ $externalLabels.docs }}}}/guides/runbook.md#{name}"
    made = cloudwatch_alarms(LoadBalancer=BALANCER, DocsUrl="https://docs.test")
    assert made[name]["AlarmDescription"].endswith(f" https://docs.test/guides/runbook.md#{name}")


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_pages_or_opens_a_ticket_the_same_in_both(name):
    topics = {"PageTopicArn": "arn:page", "TicketTopicArn": "arn:ticket"}
    severity = alarms()[name]["labels"]["severity"]
    assert cloudwatch_alarms(LoadBalancer=BALANCER, **topics)[name]["AlarmActions"] == [f"arn:{severity}"]
    assert "AlarmActions" not in cloudwatch_alarms(LoadBalancer=BALANCER)[name]


def test_every_alarm_is_told_from_those_of_other_services():
    assert {alarm["labels"]["service"] for alarm in alarms().values()} == {"orak"}


def test_dead_letters_of_cloudwatch_counts_those_within_the_first_hour_too():
    series = {part["Id"]: part for part in cloudwatch_alarms()["dead-letters"]["Metrics"]}
    assert series["result"]["Expression"] == "MAX([DIFF(most), most - least])"
    statistics = {name: part["MetricStat"]["Stat"] for name, part in series.items() if "MetricStat" in part}
    assert statistics == {"most": "Maximum", "least": "Minimum"}


def test_part_down_watches_the_same_parts_everywhere():
    watched = {
        dimension["Value"]
        for part in cloudwatch_alarms()["part-down"]["Metrics"]
        if "MetricStat" in part
        for dimension in part["MetricStat"]["Metric"]["Dimensions"]
        if dimension["Name"] == "part"
    }
    assert watched == {"storage", "disk", "redis"}
    assert 'part!~"database|clock"' in alarms()["part-down"]["expr"]


def test_each_alarm_is_tested_firing_and_not_firing():
    fires, does_not = set(), set()
    for file in (PROMETHEUS / "tests").glob("*.yml"):
        for test in yaml.safe_load(file.read_text())["tests"]:
            for checked in test["alert_rule_test"]:
                (fires if checked["exp_alerts"] else does_not).add(checked["alertname"])
    assert fires == does_not == ALARMS


def test_the_template_passes_cfn_lint():
    linter = Path(sys.executable).with_name("cfn-lint")
    linted = subprocess.run([linter, TEMPLATE], capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout) == (0, "")


def test_cloudwatch_accepts_the_alarms(aws_server):
    # moto makes no alarms of a template, so this makes them one by one.
    prefix = f"{secrets.token_hex(4)}-"
    expected = cloudwatch_alarms(
        LoadBalancer=BALANCER, NamePrefix=prefix, PageTopicArn="arn:aws:sns:x:1:page"
    )
    cloudwatch = aws_server.client("cloudwatch")
    for properties in expected.values():
        cloudwatch.put_metric_alarm(**properties)
    made = cloudwatch.describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"]
    assert {alarm["AlarmName"]: alarm["Threshold"] for alarm in made} == {
        name: properties["Threshold"] for name, properties in expected.items()
    }
    stacks = aws_server.client("cloudformation")
    stacks.create_stack(StackName=f"alarms-{prefix}1", TemplateBody=TEMPLATE.read_text())
    [stack] = stacks.describe_stacks(StackName=f"alarms-{prefix}1")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
