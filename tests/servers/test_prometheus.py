"""Prometheus' own checks of its configuration, of the rules and of their tests."""

import re
import shutil
import subprocess

import pytest

from alarms import PROMETHEUS


@pytest.mark.parametrize(
    "check",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "rules.yml"],
        *(["test", "rules", f"tests/{file.name}"] for file in sorted((PROMETHEUS / "tests").glob("*.yml"))),
    ],
    ids=" ".join,
)
def test_promtool_finds_no_fault(check):
    assert shutil.which("promtool"), "`just test-servers` installs it"
    checked = subprocess.run(
        ["promtool", *check], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "SUCCESS" in checked.stdout + checked.stderr


def test_promtool_accepts_the_scrape_configuration_for_kubernetes(tmp_path):
    guide = (PROMETHEUS.parents[1] / "docs" / "guides" / "kubernetes.md").read_text()
    [config] = re.findall(r"```yaml\n(scrape_configs:.*?)```", guide, re.DOTALL)
    # Debian's Prometheus is built without the discovery of Kubernetes, so only the relabeling is checked.
    config, replaced = re.subn(
        r"kubernetes_sd_configs:\n(?: {6}.*\n)+", 'static_configs: [{targets: ["orak:9464"]}]\n', config
    )
    assert replaced == 1
    (tmp_path / "prometheus.yml").write_text(config)
    checked = subprocess.run(
        ["promtool", "check", "config", "--syntax-only", "prometheus.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_promtool_finds_a_wrong_limit(tmp_path):
    for file in [PROMETHEUS / "rules.yml", *(PROMETHEUS / "tests").glob("*.yml")]:
        (tmp_path / file.relative_to(PROMETHEUS)).parent.mkdir(exist_ok=True)
        shutil.copy(file, tmp_path / file.relative_to(PROMETHEUS))
    rules = (tmp_path / "rules.yml").read_text()
    (tmp_path / "rules.yml").write_text(rules.replace("> 0.05", "> 0.5"))
    checked = subprocess.run(
        ["promtool", "test", "rules", "tests/calls.yml"], cwd=tmp_path, capture_output=True, check=False
    )
    assert checked.returncode == 1
