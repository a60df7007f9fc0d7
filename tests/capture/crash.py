"""Forms sent while the server is killed: who was answered *received* is in the database, once (C3, T43, T51).

python -m tests.capture.crash [--count 10000] [--kills 20], with scripts/pgtmp.py before it for PostgreSQL. Without kills it tells how many
submissions a second a real server takes. Each sender has an address of 127.0.0.0/8 of their own, for the limits of each address hold here too.
"""

import argparse
import contextlib
import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent.parent
AT_ONCE = 8
#: Of so many, one has an e-mail that was sent before, and one is sent twice at the same moment (a double click).
KNOWN, TWICE, COMPANIES = 10, 25, 97


class Server:
    """Gunicorn as `make run` starts it: two processes of four threads."""

    def __init__(self, database, **environment):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.environment = {**os.environ, "LOTSE_PROFILE": "test", "DATABASE_URL": database, **environment}

    def start(self, patience=60):
        command = [sys.executable, "-m", "gunicorn", "crm.wsgi:application", "--bind", f"127.0.0.1:{self.port}", "--worker-class", "gthread",
                   "--workers", "2", "--threads", "4", "--no-control-socket", "--log-level", "critical", "--preload"]  # fmt: skip
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, start_new_session=True)
        ends = time.monotonic() + patience
        while time.monotonic() < ends:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return self
            time.sleep(0.05)
        raise RuntimeError("The server did not become ready.")

    def kill_workers(self):
        """Kill the processes that answer, in the middle of whatever they do; gunicorn starts others."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in map(int, children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill(self):
        """Kill everything at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def email_of(number):
    """Return the e-mail that this submission names: now and then one that an earlier one has."""
    return f"n{number // 2 if number % KNOWN == 0 else number}@crash.example"


class Senders:
    """Eight who send the submissions 0 … count, each again and again until it is answered, and note what they were answered."""

    def __init__(self, port, forms, count, patience=600):
        self.port, self.forms, self.count, self.patience = port, forms, count, patience
        self.numbers, self.lock = itertools.count(), threading.Lock()
        self.received: list[int] = []
        self.wrong: list[tuple] = []
        self.tries = 0
        self.threads = [threading.Thread(target=self._run) for _number in range(AT_ONCE)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def join(self):
        for thread in self.threads:
            thread.join()
        return self

    def until(self, number):
        """Wait until so many were answered."""
        while len(self.received) < number and not self.wrong and any(thread.is_alive() for thread in self.threads):
            time.sleep(0.01)

    def _run(self):
        for number in self.numbers:
            if number >= self.count or self.wrong:
                return
            body = self.body(number)
            if number % TWICE == 0:
                other = threading.Thread(target=self._send, args=[number, body])
                other.start()
                self._send(number, body)
                other.join()
            else:
                self._send(number, body)

    def body(self, number):
        from tests.capture.conftest import sent, token

        form = self.forms[number % len(self.forms)]
        values = sent(form, email=email_of(number), last_name=f"N{number}", company=f"Firma {number % COMPANIES}", message=None)
        return form.public_path, urlencode({**values, "token": token(form, k=f"crash-{number}")})

    def _send(self, number, body):
        path, text = body
        address = f"127.{1 + number // 40_000}.{number // 200 % 200}.{2 + number % 200}"
        ends = time.monotonic() + self.patience
        while time.monotonic() < ends:
            self.tries += 1
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60, source_address=(address, 0))
                with contextlib.closing(connection):
                    connection.request(
                        "POST", path, text, {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
                    )
                    answer = connection.getresponse()
                    told = answer.read()
                    if answer.status == 200 and "told" in json.loads(told):
                        with self.lock:
                            self.received.append(number)
                        return
                    if answer.status < 500:
                        self.wrong.append((number, answer.status, told[:300]))
                        return
            time.sleep(0.1)
        self.wrong.append((number, "never answered"))


def check(senders):
    """Assert that each that was answered is there once, with its person, company and owner."""
    from capture.models import Assignment, Submission
    from crm.jobs.worker import run_pending
    from crm.models import Change
    from leads.models import Company, Person

    assert not senders.wrong, senders.wrong[:5]
    run_pending()
    answered = Counter(senders.received)
    assert set(answered) == set(range(senders.count))
    keys = Submission.objects.filter(key__startswith="crash-").values_list("key", flat=True)
    there = Counter(key.partition(":")[0] for key in keys)
    assert there == {f"crash-{number}": 1 for number in answered}
    states = Counter(Submission.objects.values_list("state", "why"))
    assert states == {("accepted", ""): senders.count}, states
    emails = {email_of(number) for number in answered}
    assert Counter(Person.objects.filter(email__in=emails).values_list("email", flat=True)) == dict.fromkeys(emails, 1)
    assert Submission.objects.filter(known=False).count() == len(emails) == Assignment.objects.count()
    names = Counter(Company.objects.filter(name__startswith="Firma ").values_list("name", flat=True))
    assert set(names.values()) == {1} and len(names) <= COMPANIES
    assert not Change.objects.filter(change_set=None, record_type__in=["person", "company", "submission"]).exists()


def make_forms(count, takers, by):
    from capture import actions

    asked = [{"name": name, "required": False} for name in ("person.last_name", "company.name", "person.email")]
    values = {"published": True, "language": "en", "takers": [user.pk for user in takers], "questions": asked}
    return [actions.create_form({**values, "name": f"Crash {number}"}, by=by, via="form") for number in range(count)]


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=10_000)
    options.add_argument("--kills", type=int, default=20)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="lotse-crash-") as folder:
        database = os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/lotse.sqlite3")
        os.environ.update(LOTSE_PROFILE="test", LOTSE_VAR=folder, DJANGO_SETTINGS_MODULE="crm.settings")
        import django

        django.setup()
        from django.core.management import call_command

        from crm.models import Role, User

        call_command("migrate", verbosity=0)
        call_command("setup_lists")
        rep, marketer = Role.objects.get(code="sales_rep"), Role.objects.get(code="marketer")
        takers = [User.objects.create_user(f"rep{number}", f"rep{number}@example.com", role=rep) for number in range(3)]
        # One form is sent no more than so often in a minute.
        forms = make_forms(max(1, given.count // 250), takers, User.objects.create_user("mia", "mia@example.com", role=marketer))
        server = Server(database, LOTSE_VAR=folder).start()
        try:
            started = time.monotonic()
            senders = Senders(server.port, forms, given.count).start()
            for kill in range(1, given.kills + 1):
                senders.until(given.count * kill // (given.kills + 1))
                if kill % 2:
                    server.kill_workers()
                else:
                    server.kill()
                    server.start()
            senders.join()
            seconds = time.monotonic() - started
        finally:
            server.kill()
        check(senders)
    sys.stdout.write(
        f"{given.count:,} submissions, {given.kills} kills, {senders.tries:,} tries: each is there once; {given.count / seconds:.0f} a second\n"
    )


if __name__ == "__main__":
    main()
