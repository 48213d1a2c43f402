"""A real nginx or Caddy in front of orak, with the configurations of the guide and of `deploy`."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DEADLINE = 20

_ROOT = Path(__file__).parents[2]

_GUIDE = (_ROOT / "docs" / "guides" / "proxy.md").read_text()
(_NGINX,) = re.findall(r"```nginx\n(.*?)```", _GUIDE, re.DOTALL)
_CADDY, _CADDY_STRIPS = re.findall(r"```caddyfile\n(.*?)```", _GUIDE, re.DOTALL)

_CADDY_PROGRAM = str(Path(sys.executable).with_name("caddy"))

PROXIES = ["nginx", "nginx strips", "caddy", "caddy strips"]
"""The configurations of the guide: the path is passed on, or stripped."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def a_proxy(kind: str, port: int, orak: int):
    """Run a proxy on *port* whose path `/orak` leads to the port of *orak*."""
    with tempfile.TemporaryDirectory(prefix="orak-proxy-") as name:
        folder = Path(name)
        command = (_nginx if kind.startswith("nginx") else _caddy)(kind, folder, port, orak)
        with _running(command, folder, port, {}):
            yield


@contextlib.contextmanager
def a_deployed_proxy(kind: str, port: int, processes: tuple[int, int]):
    """Run nginx or Caddy on *port*, as `deploy` configures it, in front of two *processes*."""
    with tempfile.TemporaryDirectory(prefix="orak-proxy-") as name:
        folder = Path(name)
        if kind == "nginx":
            config = (_ROOT / "deploy" / "nginx.conf").read_text()
            config = _changed(config, "listen 443 ssl http2;", f"listen 127.0.0.1:{port};")
            for written, process in zip((8001, 8002), processes, strict=True):
                config = _changed(config, f"127.0.0.1:{written}", f"127.0.0.1:{process}")
            command, environment = _nginx_command(config, folder), {}
        else:
            command = [_CADDY_PROGRAM, "run", "--config", str(_ROOT / "deploy" / "Caddyfile")]
            environment = {
                "ORAK_SITE": f"http://127.0.0.1:{port}",
                "ORAK_UPSTREAMS": " ".join(f"127.0.0.1:{process}" for process in processes),
                "S3_SITE": f"http://127.0.0.1:{free_port()}",
                "CADDY_ADMIN": f"127.0.0.1:{free_port()}",
            }
        with _running(command, folder, port, environment):
            yield


@contextlib.contextmanager
def _running(command: list[str], folder: Path, port: int, environment: dict[str, str]):
    name = str(folder)
    environment = os.environ | {"HOME": name, "XDG_DATA_HOME": name, "XDG_CONFIG_HOME": name} | environment
    log = folder / "log"
    with log.open("w") as lines:
        process = subprocess.Popen(command, stdout=lines, stderr=lines, env=environment, cwd=folder)
    try:
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.02)
            else:
                break
        yield
    finally:
        process.terminate()
        process.wait(DEADLINE)


def _nginx(kind: str, folder: Path, port: int, orak: int) -> list[str]:
    config = _changed(_NGINX, "listen 443 ssl;", f"listen 127.0.0.1:{port};")
    config = _changed(config, "127.0.0.1:8000", f"127.0.0.1:{orak}")
    if "strips" in kind:
        config = _changed(config, "proxy_pass http://orak;", "proxy_pass http://orak/;")
    return _nginx_command(config, folder)


def _nginx_command(config: str, folder: Path) -> list[str]:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "nginx is not installed: `just test-servers` installs it"
    config = re.sub(r" *ssl_certificate.*\n", "", config)
    temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "\n".join(f"{part}_temp_path {folder};" for part in temporary)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"daemon off; {user} pid {folder}/pid; error_log stderr;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{paths}\n{config}\n}}\n"
    )
    return [program, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def _caddy(kind: str, folder: Path, port: int, orak: int) -> list[str]:
    config = _changed(
        _CADDY_STRIPS if "strips" in kind else _CADDY, "example.com", f"http://127.0.0.1:{port}"
    )
    config = _changed(config, "127.0.0.1:8000", f"127.0.0.1:{orak}")
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https off\n}\n" + config)
    return [_CADDY_PROGRAM, "run", "--config", str(folder / "Caddyfile")]


def _changed(config: str, old: str, new: str) -> str:
    assert config.count(old) == 1, old
    return config.replace(old, new)
