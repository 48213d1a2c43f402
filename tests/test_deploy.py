"""What `deploy` promises about containers and systemd units, read from its files."""

import configparser
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from orak.entrypoints.cli import main
from orak.entrypoints.settings.sources import LoadedSettings

DEPLOY = Path(__file__).parents[1] / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
ORAK = [name for name, service in SERVICES.items() if "ORAK_IMAGE" in service["image"]]
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))

SHUTDOWN_SECONDS = 10
"""From the end of the drain to the forced end of a process."""


def orak_command(words):
    """Return the command that *words* name, which exists."""
    context, command = click.Context(main), main
    for word in words:
        assert isinstance(command, click.Group), words
        command = command.get_command(context, word)
        assert command is not None, words
    return command


def loaded(environment):
    """Load settings from *environment*; unknown values are an error."""
    values = {name: str(value) for name, value in environment.items()}
    return LoadedSettings.load(environment=values, env_file=Path("/nonexistent"))


def substituted(text):
    """Replace `${NAME:-default}` by its default and `${NAME:?message}` by a value."""
    return re.sub(r"\$\{\w+:([-?])([^}]*)\}", lambda found: found[2] if found[1] == "-" else "a" * 32, text)


def test_the_dockerfile_has_no_finding_of_hadolint():
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run(
        [hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (found.returncode, found.stdout) == (0, "")


def test_the_image_runs_as_a_numbered_user_from_hashed_packages_on_a_base_of_choice():
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${BASE}", "${BASE}"]
    (user,) = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.MULTILINE)
    assert int(user) > 0
    installs = re.findall(r"pip [^&]*install [^&\\]*", DOCKERFILE)
    assert len(installs) == 3
    assert all("--require-hashes" in install or "--no-index" in install for install in installs)
    assert "HEALTHCHECK" in DOCKERFILE


def test_the_build_sees_every_file_that_it_copies_and_no_other():
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    ignored = (DEPLOY.parent / ".dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert "*" in ignored
    assert allowed == {path for line in copied for path in line.split()}
    assert all((DEPLOY.parent / path).exists() for path in allowed)


def test_the_health_check_asks_the_port_that_the_image_serves():
    environment = dict(re.findall(r"(ORAK_\w+|LOG_FORMAT)=(\S+)", DOCKERFILE.split("\nENV ")[-1]))
    settings = loaded({**environment, "JWT_SECRET": "a" * 32}).settings
    assert (settings.host, settings.port, str(settings.data_dir)) == ("0.0.0.0", 8000, "/data")  # noqa: S104 - read, not bound
    assert "os.environ['ORAK_PORT']" in DOCKERFILE


@pytest.mark.parametrize("name", ORAK)
def test_a_service_of_orak_is_read_only_unprivileged_and_configured(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["user"] == "10001:10001"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - inside the container
    orak_command(service["command"])
    settings = loaded({key: substituted(value) for key, value in service["environment"].items()}).settings
    assert settings.database_kind == "postgresql"
    assert settings.storage_kind == "s3"
    grace = int(service["stop_grace_period"].removesuffix("s"))
    assert grace >= settings.drain_seconds + SHUTDOWN_SECONDS + 5


def test_every_setting_of_compose_is_one_of_orak():
    origins = loaded({"JWT_SECRET": "a" * 32}).origins
    for name in ORAK:
        assert {key.lower() for key in SERVICES[name]["environment"]} <= set(origins)


def test_every_service_of_compose_that_serves_has_a_health_check():
    checked = {name for name, service in SERVICES.items() if "test" in service.get("healthcheck", {})}
    of_the_image = {"api-1", "api-2"}
    assert checked | of_the_image == set(SERVICES) - {"migrate"}
    for service in SERVICES.values():
        for other, condition in service.get("depends_on", {}).items():
            healthy = condition["condition"] == "service_healthy"
            assert (other in checked) if healthy else (other == "migrate")


def test_no_service_of_compose_has_a_secret_in_its_arguments():
    secrets = set(re.findall(r"\$\{(\w+):\?", (DEPLOY / "compose.yaml").read_text()))
    assert "S3_SECRET_KEY" in secrets
    for name, service in SERVICES.items():
        holds = {
            variable
            for variable, value in service.get("environment", {}).items()
            if any(secret in str(value) for secret in secrets)
        }
        check = service.get("healthcheck", {}).get("test", ())
        words = " ".join([*service.get("entrypoint", ()), *service.get("command", ()), *check])
        expanded = set(re.findall(r"\$+\{?(\w+)", words))
        assert not expanded & (secrets | holds), name
        assert not re.search(r"--[\w-]*(key|secret|password|token)\b", words), name


def test_prometheus_misses_each_process_of_the_api_and_the_workers():
    jobs = {
        job["job_name"]: job
        for job in yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    }
    api = {name for name in ORAK if SERVICES[name]["command"] == ["serve"]}
    [targets] = jobs["orak-api"]["static_configs"]
    # A name that the resolver loses with its container would vanish without an alarm.
    assert set(targets["targets"]) == {f"{name}:8000" for name in api}
    [workers] = jobs["orak-worker"]["dns_sd_configs"]
    assert workers["names"] == [name for name in ORAK if SERVICES[name]["command"] == ["worker"]]
    assert str(workers["port"]) == SERVICES["worker"]["environment"]["METRICS_PORT"]


def test_every_image_has_a_variable_and_no_registry():
    for service in SERVICES.values():
        name = re.fullmatch(r"\$\{[A-Z0-9]+_IMAGE:-([^}]+)\}", service["image"])[1]
        assert "." not in name.partition("/")[0] or "/" not in name


def test_what_compose_mounts_exists():
    mounted = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]
    assert mounted
    assert all((DEPLOY / path).exists() for path in mounted)
    named = {v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", []) if v[0] not in "./"}
    assert named == set(COMPOSE["volumes"])


def test_the_example_of_secrets_names_all_that_compose_demands():
    demanded = set(re.findall(r"\$\{(\w+):\?", (DEPLOY / "compose.yaml").read_text()))
    example = (DEPLOY / "compose.env.example").read_text()
    assert set(re.findall(r"^(\w+)=", example, re.MULTILINE)) == demanded


def test_a_drain_outlasts_the_health_checks_of_caddy():
    caddyfile = (DEPLOY / "Caddyfile").read_text()
    interval, timeout = (
        int(re.search(rf"{name} (\d+)s", caddyfile)[1]) for name in ("health_interval", "health_timeout")
    )
    assert int(SERVICES["api-1"]["environment"]["DRAIN_SECONDS"]) > interval + timeout


def test_the_proxies_buffer_the_bodies_of_requests():
    assert re.search(r"^\t\trequest_buffers \d+", (DEPLOY / "Caddyfile").read_text(), re.MULTILINE)
    assert "proxy_request_buffering off" not in (DEPLOY / "nginx.conf").read_text()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_a_command_and_gives_it_time_to_drain(path):
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str
    unit.read(path)
    service = unit["Service"]
    for key in {"ExecStartPre", "ExecStart"} & set(service):
        program, *words = shlex.split(service[key])
        assert program == "/opt/orak/bin/orak"
        orak_command(words)
    environment = dict(pair.split("=", 1) for pair in shlex.split(service["Environment"].replace("%i", "1")))
    settings = loaded({**environment, "JWT_SECRET": "a" * 32}).settings
    if path.name == "orak-worker@.service":
        assert settings.metrics_port == 9461, "each worker of a machine needs a port of its own"
    assert int(service["TimeoutStopSec"]) >= settings.drain_seconds + SHUTDOWN_SECONDS + 5
    assert (service["KillMode"], service["User"]) == ("mixed", "orak")


def test_the_example_of_systemd_is_a_configuration():
    lines = (DEPLOY / "systemd" / "orak.env.example").read_text().splitlines()
    pairs = [line.split("=", 1) for line in lines if not line.startswith("#")]
    loaded(dict(pairs))
    assert {name.lower() for name, _ in pairs} <= set(loaded({}).origins)
