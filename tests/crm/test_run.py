"""`make run`: two processes that live and end together, an empty installation's administrator, and what it says when it can't."""

import contextlib
import http.client
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from crm.management.commands import run


@pytest.fixture
def taken_port():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture
def port(taken_port):
    return next(filter(run.is_free, range(taken_port + 1, 65536)))


@pytest.fixture
def start(tmp_path, port):
    """Return a function that starts an empty installation, waits until it is open and returns (process, what it said)."""
    environment = {**os.environ, "LOTSE_PROFILE": "local", "LOTSE_VAR": str(tmp_path / "var"), "DEMO": "0", "PORT": str(port)}
    environment.pop("DATABASE_URL", None)  # never touch the database this suite was given
    processes = []

    def start_():
        process = subprocess.Popen(
            [sys.executable, "-u", "manage.py", "run"], env=environment, cwd=settings.BASE_DIR, text=True, stdout=subprocess.PIPE
        )
        processes.append(process)
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        return process, said

    yield start_
    for process in processes:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def children(process):
    """Return the ids of the processes that a process has started, by Linux's own list."""
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in path.read_text().split()]


def alive(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def answers(port):
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
        return answer.status == 200
    return False


def assert_one_connection_serves_what_comes_after_a_refusal(port):
    """Also where the refusal has read nothing of a large body; and no answer tells what serves it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for method, path, status in (("PATCH", "/api/v1/persons/9/", 401), ("GET", "/readyz", 200)):
        connection.request(method, path, b"x" * 1_000_000 if method == "PATCH" else None, {"Content-Type": "application/json"})
        # A client that goes on: http.client itself would open another connection.
        connection.auto_open = 0
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status and answer.headers["Connection"] == "keep-alive" and "Server" not in answer.headers
    connection.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_empty_installation_opens_with_a_password_shown_once_and_ends_whole(start, port, tmp_path):
    process, said = start()
    assert f"http://127.0.0.1:{port}" in said
    assert re.search(r"^    \S{16}$", said, re.MULTILINE)
    assert answers(port)
    assert_one_connection_serves_what_comes_after_a_refusal(port)
    var = tmp_path / "var"
    assert stat.S_IMODE(var.stat().st_mode) == 0o700
    for name in ("secret_key", "lotse.sqlite3"):
        assert stat.S_IMODE((var / name).stat().st_mode) == 0o600
    servers = children(process)
    assert len(servers) == 2

    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert not any(alive(pid) for pid in servers)
    assert not answers(port)

    process, said = start()
    assert "password" not in said
    assert answers(port)
    web, worker = children(process)
    os.kill(worker, signal.SIGKILL)
    assert process.wait(30) == 1
    assert not alive(web)


def test_a_taken_port_is_named_with_a_free_one(taken_port):
    with pytest.raises(CommandError, match=rf"Port {taken_port} is taken.*make run PORT=\d+"):
        run.free_port(str(taken_port))


@pytest.mark.parametrize("text", ["", "0", "65536", "-1", "http", "8000 "])
def test_what_is_no_port_is_refused(text):
    with pytest.raises(CommandError, match="is not a port"):
        run.free_port(text)


def test_it_is_for_the_local_profile_only(settings):
    settings.PROFILE = "production"
    with pytest.raises(CommandError, match=r"docs/deploy\.md"):
        call_command("run")


@pytest.mark.django_db
def test_the_demos_signins_are_told_only_where_they_open_the_database(settings, tmp_path, roles, django_user_model):
    settings.VAR_DIR = tmp_path
    assert run.demo_signins() == []
    (tmp_path / "demo.json").write_text('[{"username": "anna", "password": "correct"}]')
    assert run.demo_signins() == []
    anna = django_user_model.objects.create_user("anna", "anna@example.com", "another")
    assert run.demo_signins() == []
    anna.set_password("correct")
    anna.save()
    assert run.demo_signins() == [{"username": "anna", "password": "correct"}]
