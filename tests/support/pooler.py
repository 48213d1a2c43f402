"""A real PgBouncer in front of the PostgreSQL server of the tests."""

import os
import shutil
import socket
import subprocess
import tempfile
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path

from postgresql_server import Server, system_user

DEADLINE = 20


@contextmanager
def a_pooler(server: Server, mode: str, *, size: int = 4, ignore: str = ""):
    """Run PgBouncer in a *mode*, with *size* connections to *server*; yield the URL.

    PgBouncer refuses startup parameters that it does not know, unless *ignore* lists them.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "pgbouncer is not installed: `just test-servers` installs it"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="orak-pgbouncer-"))
    conf = folder / "pgbouncer.ini"
    conf.write_text(
        textwrap.dedent(f"""\
            [databases]
            * = host={server.folder} user=postgres
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = any
            pool_mode = {mode}
            default_pool_size = {size}
            max_client_conn = 300
            ignore_startup_parameters = {ignore}
            """)
    )
    user = None
    if os.geteuid() == 0:  # PgBouncer does not run as root
        user = system_user()
        shutil.chown(folder, user)
        shutil.chown(conf, user)
    process = subprocess.Popen(
        [program, "--quiet", conf], user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                assert process.poll() is None, "pgbouncer did not start"
                assert time.monotonic() < deadline, "pgbouncer does not answer"
                time.sleep(0.02)
            else:
                break
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)
