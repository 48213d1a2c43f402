"""Containers of podman, and the services of `deploy/compose.yaml` as such containers."""

import json
import re
import subprocess
import time
from pathlib import Path

import yaml

DEADLINE = 300
"""Seconds for an image to build, or a service to become healthy."""

ROOT = Path(__file__).parents[2]

_PODMAN = ("podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs")
"""crun refuses the mixed cgroups of many build machines."""

_LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096")
"""Where a machine does not permit to raise limits, those of compose.yaml are refused."""


def podman(*arguments: str, check: bool = True, timeout: float = DEADLINE) -> subprocess.CompletedProcess:
    """Run podman; return its output."""
    done = subprocess.run(
        [*_PODMAN, *arguments], capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0 or not check, f"podman {' '.join(arguments)}\n{done.stdout}{done.stderr}"
    return done


def image_size(image: str) -> int:
    """Return the bytes of an image with its base."""
    return int(podman("image", "inspect", "--format", "{{.Size}}", image).stdout)


def run_once(image: str, *command: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    """Run a command in a container without a writable root; its volume and /tmp are writable."""
    read_only = ("--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp")  # noqa: S108 - in the container
    return podman("run", "--rm", *_LIMITS, *read_only, *options, image, *command, check=False)


class Stack:
    """The services of compose.yaml on a network of their own."""

    def __init__(self, variables: dict[str, str]) -> None:
        text = (ROOT / "deploy" / "compose.yaml").read_text()
        self.services = yaml.safe_load(_substituted(text, variables))["services"]
        self._name = "orak-trial"
        self._volumes: set[str] = set()
        podman("network", "create", self._name)

    def start(self, name: str) -> None:
        """Start a service as compose.yaml says."""
        podman("run", "--detach", "--name", self._container(name), *self._options(name))

    def run(self, name: str) -> None:
        """Run a service to its end. Fail if that is an error."""
        podman("run", "--rm", "--name", self._container(name), *self._options(name))

    def execute(self, name: str, *command: str) -> str:
        """Run a command in the container of a service; return its output."""
        return podman("exec", self._container(name), *command).stdout

    def until_healthy(self, name: str) -> None:
        """Run the health check of a service until it succeeds, as a supervisor does."""
        check = self.services[name].get("healthcheck", {}).get("test") or self._check_of_image(name)
        deadline = time.monotonic() + DEADLINE
        while podman("exec", self._container(name), *check[1:], check=False).returncode:
            state = podman("inspect", "--format", "{{.State.Running}}", self._container(name)).stdout
            assert state.strip() == "true", self.log(name)
            assert time.monotonic() < deadline, self.log(name)
            time.sleep(0.5)

    def log(self, name: str) -> str:
        """Return what the container of a service has written."""
        done = podman("logs", self._container(name))
        return done.stdout + done.stderr

    def stop(self, name: str, seconds: int) -> int:
        """Send SIGTERM, and SIGKILL after *seconds*; return the exit code."""
        podman("stop", "--time", str(seconds), self._container(name))
        state = podman("inspect", "--format", "{{.State.ExitCode}}", self._container(name))
        return int(state.stdout)

    def close(self) -> None:
        for name in self.services:
            podman("rm", "--force", "--time", "0", self._container(name), check=False)
        for volume in self._volumes:
            podman("volume", "rm", volume, check=False)
        podman("network", "rm", self._name)

    def _container(self, name: str) -> str:
        return f"{self._name}-{name}"

    def _check_of_image(self, name: str) -> list[str]:
        inspected = podman("image", "inspect", self.services[name]["image"])
        check: list[str] = json.loads(inspected.stdout)[0]["Healthcheck"]["Test"]
        return check

    def _options(self, name: str) -> list[str]:
        service = self.services[name]
        networks = service.get("networks", {}).get("default", {})
        options = ["--network", self._name, *_LIMITS, *_isolation(service)]
        options += [f"--network-alias={alias}" for alias in [name, *networks.get("aliases", [])]]
        options += [f"--env={key}={value}" for key, value in service.get("environment", {}).items()]
        options += [f"--volume={self._mounted(volume)}" for volume in service.get("volumes", [])]
        if "entrypoint" in service:
            options.append(f"--entrypoint={json.dumps(service['entrypoint'])}")
        return [*options, service["image"], *service.get("command", [])]

    def _mounted(self, volume: str) -> str:
        source, rest = volume.split(":", 1)
        if source.startswith("./"):
            return f"{ROOT / 'deploy' / source}:{rest}"
        self._volumes.add(f"{self._name}-{source}")
        return f"{self._name}-{source}:{rest}"


def _isolation(service: dict) -> list[str]:
    options = [f"--tmpfs={path}" for path in service.get("tmpfs", [])]
    options += [f"--cap-drop={capability}" for capability in service.get("cap_drop", [])]
    options += [
        f"--security-opt={option.removesuffix(':true')}" for option in service.get("security_opt", [])
    ]
    options += [f"--user={service['user']}"] if "user" in service else []
    options += [f"--shm-size={service['shm_size']}"] if "shm_size" in service else []
    options += ["--read-only", "--read-only-tmpfs=false"] if service.get("read_only") else []
    return [*options, *(["--init"] if service.get("init") else [])]


def _substituted(text: str, variables: dict[str, str]) -> str:
    """Replace `${NAME:-default}` and `${NAME:?message}` as compose does, and `$$` by `$`."""

    def value(found: re.Match) -> str:
        name, sign, rest = found.groups()
        assert sign == "-" or name in variables, rest
        return variables.get(name, rest)

    return re.sub(r"\$\{(\w+):([-?])([^}]*)\}", value, text).replace("$$", "$")
