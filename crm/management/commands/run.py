"""`make run`: prepare a local installation and serve it, web server and job worker together."""

import contextlib
import ctypes
import hashlib
import http.client
import io
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection

from crm.models import User

HOST = "127.0.0.1"
#: How long web server and worker may take to finish what they are at, in seconds.
PATIENCE = 20


class Command(BaseCommand):
    help = __doc__
    requires_migrations_checks = False

    def handle(self, *args, **options):
        if settings.PROFILE != "local":
            raise CommandError("`run` is for the local profile; docs/deploy.md says how to serve Lotse in production.")
        # `kill` ends us as Ctrl-C does, also while the database is being prepared.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        try:
            self.run()
        except KeyboardInterrupt:
            self.stdout.write("")
        except OperationalError as error:
            raise CommandError(f"The database cannot be reached (DATABASE_URL): {error}") from error

    def run(self):
        os.umask(0o077)  # database, key and uploads are for this user alone
        port = free_port(os.environ.get("PORT", "8000"))
        new_admin = self.prepare()
        connection.close()
        address = f"http://{HOST}:{port}"
        os.environ.setdefault("BASE_URL", address)
        with Servers(port) as servers:
            servers.wait_until_alive()
            if not servers.ended():
                self.banner(address, new_admin)
            name = servers.wait()
        raise CommandError(f"The {name} has ended unexpectedly, so the other was ended too.")

    def prepare(self):
        """Bring database and static files up to date; return the password of an administrator made just now, or None."""
        settings.VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.step("Preparing the database …")
        call_command("migrate", verbosity=0, interactive=False)
        call_command("setup_lists")
        collect_static()
        if User.objects.exists():
            return None
        if settings.DEMO:
            self.step("Loading the demo data (once) …")
            call_command("load_demo", stdout=io.StringIO())  # the banner tells the sign-ins
            return None
        password = secrets.token_urlsafe(12)
        User.objects.create_superuser("admin", "admin@localhost", password)
        return password

    def step(self, text):
        self.stdout.write(text)
        self.stdout.flush()

    def banner(self, address, new_admin):
        lines = ["", self.style.SUCCESS(f"Lotse is open at {address}"), ""]
        if new_admin:
            lines += ["Sign in as admin with this password; it is shown this once:", "", f"    {new_admin}", ""]
        elif signins := demo_signins():
            lines += ["Sign in to the demo as"]
            lines += [f"    {entry['username']:8} {entry['password']}" for entry in signins]
            lines += [""]
        self.step("\n".join([*lines, "Ctrl-C ends it; the data stays."]))


def free_port(text):
    """Return the port as a number; raise CommandError if it is none or another program has it."""
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise CommandError(f"PORT={text} is not a port; choose a number from 1024 to 65535.")
    port = int(text)
    if port < 1024 and os.geteuid() != 0:
        raise CommandError(f"Port {port} needs special rights; choose one from 1024 up: make run PORT=8001")
    if not is_free(port):
        other = next(filter(is_free, range(max(port + 1, 8001), 65536)), 8001)
        raise CommandError(f"Port {port} is taken by another program; choose another one: make run PORT={other}")
    return port


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return True
    return False


def collect_static():
    """Collect the files for the browser, if any differs from the last time (hashing and compressing take seconds)."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = os.stat(storage.path(path))
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    stamp = settings.VAR_DIR / "static.stamp"
    if not stamp.exists() or stamp.read_text() != digest.hexdigest() or not settings.STATIC_ROOT.exists():
        call_command("collectstatic", verbosity=0, interactive=False)
        stamp.write_text(digest.hexdigest())


def demo_signins():
    """Return what `load_demo` wrote, if the database at hand is the demo's."""
    try:
        signins = json.loads((settings.VAR_DIR / "demo.json").read_text())
        user = User.objects.get(username=signins[0]["username"])
    except (OSError, User.DoesNotExist):
        return []
    return signins if user.check_password(signins[0]["password"]) else []


class Servers:
    """Web server and job worker as two processes that live and end together."""

    def __init__(self, port):
        self.port = port
        python = [sys.executable]
        gunicorn = ["-m", "gunicorn", "crm.wsgi:application", "--bind", f"{HOST}:{port}", "--worker-class", "gthread"]
        gunicorn += ["--workers", "2", "--threads", "4", "--no-control-socket", "--log-level", "warning"]
        gunicorn += ["--graceful-timeout", str(PATIENCE // 2)]
        self.commands = {"web server": python + gunicorn, "job worker": [*python, "manage.py", "worker"]}
        self.processes = {}

    def __enter__(self):
        try:
            for name, command in self.commands.items():
                # A group of their own: Ctrl-C reaches us alone, and we end them in order.
                self.processes[name] = subprocess.Popen(
                    command, cwd=settings.BASE_DIR, process_group=0, preexec_fn=die_with_parent, stdin=subprocess.DEVNULL
                )
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *exception):
        self.end()

    def ended(self):
        """Return the name of one that has ended, or None."""
        return next((name for name, process in self.processes.items() if process.poll() is not None), None)

    def wait_until_alive(self):
        """Return once the web server answers, or one of the two has ended."""
        while not self.ended():
            with contextlib.suppress(OSError, http.client.HTTPException):
                web = http.client.HTTPConnection(HOST, self.port, timeout=5)
                web.request("GET", "/healthz")
                web.getresponse()
                return
            time.sleep(0.1)

    def wait(self):
        """Return the name of the one that ends first."""
        while not (name := self.ended()):
            time.sleep(0.5)
        return name

    def end(self):
        """Ask both to finish; who has not after a while is killed."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave one of them behind
        for process in self.processes.values():
            process.terminate()
        deadline = time.monotonic() + PATIENCE
        for process in self.processes.values():
            try:
                process.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def die_with_parent():
    """On Linux, end this process when `run` itself is killed, so that neither port nor worker is left behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1: PR_SET_PDEATHSIG
