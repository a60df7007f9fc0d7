"""Run a command with a PostgreSQL of its own: `python scripts/pgtmp.py pytest -n 2`.

The server listens on a free port of 127.0.0.1, the command finds it in DATABASE_URL, and both server and data are gone when
the command ends. It never touches a PostgreSQL that is installed or running. PGTMP_BIN names a folder of binaries.
"""

import glob
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

# The data is thrown away, so nothing has to survive a power cut.
OPTIONS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "100",
           "shared_buffers": "256MB", "max_wal_size": "4GB"}  # fmt: skip


def find_binaries():
    """Return the folder of the newest PostgreSQL's programs."""
    debian = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(re.search(r"/(\d+)/", path)[1]))
    on_path = shutil.which("initdb")
    folder = os.environ.get("PGTMP_BIN") or (debian and debian[-1]) or (on_path and os.path.dirname(on_path))
    return folder or sys.exit(
        "PostgreSQL is missing: `apt-get install -y postgresql`, or name its programs' folder in PGTMP_BIN."
    )


def server_user():
    """Return what makes a subprocess run as another user: PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return {}
    names = {user.pw_name: user for user in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(binaries, folder, who):
    """Make a cluster in the folder, start its server and return the process and its port once it answers."""
    port = free_port()
    initdb = [
        f"{binaries}/initdb",
        "-D",
        f"{folder}/data",
        "-U",
        "lotse",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=folder, **who)
    options = {**OPTIONS, "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder}
    command = [f"{binaries}/postgres", "-D", f"{folder}/data"]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    with open(f"{folder}/log", "w") as log:
        # A session of its own: Ctrl-C is for the command; the server is stopped when that has ended.
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True, **who)
    ready = [f"{binaries}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(ready).returncode:
        if server.poll() is not None:
            with open(f"{folder}/log") as log:
                sys.exit(log.read())
        time.sleep(0.05)
    return server, port


def main(command):
    binaries, who, server = find_binaries(), server_user(), None
    folder = tempfile.mkdtemp(prefix="pgtmp-")
    try:
        if who:
            os.chown(folder, who["user"], who["group"])
        server, port = start(binaries, folder, who)
        return subprocess.run(
            command, env={**os.environ, "DATABASE_URL": f"postgres://lotse@127.0.0.1:{port}/postgres"}
        ).returncode
    finally:
        if server and server.poll() is None:
            server.send_signal(signal.SIGQUIT)  # at once, without writing anything more
            server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
