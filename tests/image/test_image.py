"""The container image, built and run by podman on a base that mmdebstrap makes, and compose.yaml with it."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from containers import DEADLINE, ROOT, Stack, image_size, podman, run_once

BASE = os.environ.get("TRIAL_BASE", "localhost/orak-trial-base:latest")
PROGRAMS = "localhost/orak-trial-programs:latest"
IMAGE = "localhost/orak:trial"

LARGEST = 250_000_000
"""Bytes of the image above its base."""

WITHOUT_PROGRAM = {"grafana"}
"""Services of compose.yaml that neither Debian nor PyPI has a program for."""

_PACKAGES = {
    BASE: "python3,python3-venv,python3-pip,ca-certificates",
    PROGRAMS: "python3,ca-certificates,postgresql,redis-server,prometheus,netcat-openbsd,wget",
}
_BUILD = "--isolation chroot --network=host --layers --volume /etc/ssl/certs:/etc/ssl/certs:ro"


def made(image: str, folder: Path) -> str:
    """Make a Debian image with the packages of *image*, unless podman has it."""
    if podman("image", "exists", image, check=False).returncode:
        sources = sorted(map(str, Path("/etc/apt/sources.list.d").glob("*.sources")))
        archive = folder / "base.tar"
        subprocess.run(
            [
                "mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES[image]}",
                "bookworm", archive, *(sources or ["/etc/apt/sources.list"]),
            ],
            check=True,
        )  # fmt: skip
        podman("import", str(archive), image)
        archive.unlink()
    return image


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """Build the image as people do."""
    base = made(BASE, tmp_path_factory.mktemp("base"))
    just = Path(sys.executable).with_name("just")
    subprocess.run(
        [just, "image", IMAGE, base], cwd=ROOT, env=os.environ | {"BUILD_OPTIONS": _BUILD}, check=True
    )
    return IMAGE


def test_the_image_adds_less_than_250_megabytes(image):
    added = image_size(image) - image_size(BASE)
    print(f"{added / 1e6:.0f} MB above the base")  # noqa: T201 - a figure of the guide
    assert added < LARGEST


def test_the_demo_converts_as_an_unprivileged_user_without_a_writable_root(image):
    demo = run_once(image, "demo", "--once")
    assert demo.returncode == 0, demo.stderr
    assert "COMPLETED" in demo.stdout
    who = "import os, json; print(json.dumps([os.getuid(), *(os.access(p, os.W_OK) for p in ('/', '/opt'))]))"
    shown = run_once(image, "-c", who, options=("--entrypoint", "python"))
    assert json.loads(shown.stdout) == [10001, False, False]


@pytest.fixture
def stack(image, tmp_path):
    """Run every service of compose.yaml that has a program."""
    programs = made(PROGRAMS, tmp_path)
    context = tmp_path / "programs"
    shutil.copytree(Path(__file__).parent, context, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    variables = {"ORAK_IMAGE": image}
    for program in ("rclone", "caddy"):
        shutil.copy(Path(sys.executable).with_name(program), context / program)
    for name in ("postgres", "redis", "s3", "caddy", "prometheus"):
        variables[f"{name.upper()}_IMAGE"] = tag = f"localhost/orak-trial-{name}:latest"
        subprocess.run(
            [
                "buildah", "build", *_BUILD.split(), "--quiet", "--build-arg", f"PROGRAMS={programs}",
                "--target", name, "--tag", tag, "--file", context / "Containerfile", context,
            ],
            check=True,
            timeout=DEADLINE,
        )  # fmt: skip
    secrets = ("JWT_SECRET", "POSTGRES_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY", "GRAFANA_PASSWORD")
    stack = Stack(variables | dict.fromkeys(secrets, "a" * 32))
    try:
        yield stack
    finally:
        stack.close()


def test_the_services_of_compose_convert_a_recording_and_stop(stack):
    assert set(stack.services) - WITHOUT_PROGRAM == {
        "migrate", "api-1", "api-2", "worker", "postgres", "redis", "s3", "caddy", "prometheus",
    }  # fmt: skip
    for name in ("postgres", "redis", "s3"):
        stack.start(name)
        stack.until_healthy(name)
    stack.run("migrate")
    for name in ("api-1", "api-2", "worker", "caddy", "prometheus"):
        stack.start(name)
    for name in ("api-1", "api-2", "worker", "caddy", "prometheus"):
        stack.until_healthy(name)

    until_answered(stack, "caddy", "http://orak.localhost:8080/health/ready", '"ready"')
    sing = "from pathlib import Path; from orak.adapters.audio.sung_sample import write_sung_sample as sing"
    take = "/tmp/take.webm"  # noqa: S108 - in the container
    stack.execute("worker", "python", "-c", f"{sing}; sing(Path('{take}'))")
    token = stack.execute("worker", "orak", "token").strip()
    site = ("--url", "http://orak.localhost:8080", "--token", token)
    uploaded = stack.execute("worker", "orak", "upload", take, "--title", "t", "--wait", *site)
    record = json.loads(stack.execute("worker", "orak", "records", "get", uploaded.strip(), *site))
    assert record["processingStatus"] == "COMPLETED"
    fetch = f"import httpx; print(len(httpx.get('{record['publicUrl']}', follow_redirects=True).content))"
    assert int(stack.execute("worker", "python", "-c", fetch)) > 10_000
    scraped = "http://127.0.0.1:9090/api/v1/query?query=sum(up%7Bjob%3D~%22orak-.*%22%7D)"
    until_answered(stack, "prometheus", scraped, '"3"')  # two API processes and the worker

    for name in ("api-1", "api-2", "worker"):
        assert stack.stop(name, 30) == 0, stack.log(name)
        assert "draining" in stack.log(name)


def until_answered(stack, name, url, expected):
    """Ask for *url* in the container of a service until the answer contains *expected*."""
    deadline = time.monotonic() + DEADLINE
    ask = ("sh", "-c", f"wget -q -O - '{url}' || true")
    while expected not in (answer := stack.execute(name, *ask)):
        assert time.monotonic() < deadline, answer
        time.sleep(1)
