"""Make `.venv/` and install one of the locks in `requirements/`: `python3 scripts/setup.py run|dev`.

Needs nothing but Python. A second call returns at once: a stamp in `.venv/` holds the hash of the lock that was installed.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
DEBIAN = ["apt-get", "install", "-y", "-qq", "python3-venv"]


def main(kind):
    if sys.version_info < (3, 11):
        sys.exit("Lotse needs Python 3.11 or newer; name one with `make run PYTHON=python3.12`.")
    VENV.mkdir(exist_ok=True)
    with open(VENV / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `make run` and `make test` may start at the same time
        make_venv()
        install(kind)


def make_venv():
    """Make the virtual environment, unless a working one is there."""
    works = PYTHON.exists() and subprocess.run([PYTHON, "-c", "import pip"], capture_output=True).returncode == 0
    if works:
        return
    if not importlib.util.find_spec("ensurepip"):
        get_venv_module()
    for stamp in VENV.glob("*.installed"):
        stamp.unlink()
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)


def get_venv_module():
    """Install what Debian splits off Python, or say how."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit("Python's venv module is missing. Install it, then try again:\n\n    sudo apt-get install -y python3-venv\n")
    print("Installing python3-venv …", flush=True)
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    subprocess.run(DEBIAN, check=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, stdout=subprocess.DEVNULL)


def install(kind):
    """Install the lock, unless just this one was installed; every file must have the hash the lock names."""
    lock = ROOT / "requirements" / f"{kind}.txt"
    digest, stamp = stamp_of(kind)
    if stamp.exists() and stamp.read_text() == digest:
        return
    print(f"Installing {lock.relative_to(ROOT)} into .venv (under a minute, once) …", flush=True)
    start = time.monotonic()
    pip = [PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input", "--require-hashes"]
    if subprocess.run([*pip, "-r", lock]).returncode:
        sys.exit("The requirements could not be installed; pip's message above says why.")
    for done in {kind, "run"}:  # the larger lock holds the smaller
        digest, stamp = stamp_of(done)
        stamp.write_text(digest)
    print(f"Installed in {time.monotonic() - start:.0f} s.", flush=True)


def stamp_of(kind):
    """Return the hash of a lock and the file that remembers which was installed."""
    lock = ROOT / "requirements" / f"{kind}.txt"
    return hashlib.sha256(lock.read_bytes()).hexdigest(), VENV / f"{kind}.installed"


if __name__ == "__main__":
    main(sys.argv[1])
