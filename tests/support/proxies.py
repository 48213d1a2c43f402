"""A real nginx or Caddy in front of orak, with the configuration of the guide."""

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

_GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "proxy.md").read_text()
(_NGINX,) = re.findall(r"```nginx\n(.*?)```", _GUIDE, re.DOTALL)
_CADDY, _CADDY_STRIPS = re.findall(r"```caddyfile\n(.*?)```", _GUIDE, re.DOTALL)

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
        environment = os.environ | {"HOME": name, "XDG_DATA_HOME": name, "XDG_CONFIG_HOME": name}
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
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "nginx is not installed: `just test-servers` installs it"
    config = re.sub(r" *ssl_certificate.*\n", "", _NGINX)
    config = _changed(config, "listen 443 ssl;", f"listen 127.0.0.1:{port};")
    config = _changed(config, "127.0.0.1:8000", f"127.0.0.1:{orak}")
    if "strips" in kind:
        config = _changed(config, "proxy_pass http://orak;", "proxy_pass http://orak/;")
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
    return [str(Path(sys.executable).with_name("caddy")), "run", "--config", str(folder / "Caddyfile")]


def _changed(config: str, old: str, new: str) -> str:
    assert config.count(old) == 1, old
    return config.replace(old, new)
