"""Where webhooks may go, what receivers may do to us, and workers that are killed around the call (T54, P04, P05)."""

import datetime
import os
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.exceptions import ValidationError

from crm.history.models import ChangeSet
from exchange.models import Delivery
from exchange.webhooks import actions, address
from leads.actions import edit_person
from leads.models import Person
from tests.crm.test_jobs import database_url, until
from tests.exchange.receiver import Receiver, closed_port
from tests.factories import PersonFactory

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


# --- Where it may go --------------------------------------------------------------------------------------------------

NOWHERE = [
    "https://localhost/", "https://LOCALHOST/", "https://crm.localhost/", "https://intranet/", "https://printer.local/", "https://db.internal/",
    "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://0x7f.1/",
    "https://0.0.0.0/", "https://0/", "https://10.1.2.3/", "https://172.16.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest/",
    "https://100.64.0.1/", "https://192.0.0.8/", "https://192.88.99.1/", "https://198.18.0.1/", "https://224.0.0.1/", "https://255.255.255.255/",
    "https://203.0.113.7/", "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:8.8.8.8]/", "https://[::7f00:1]/",
    "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[2001:0:7f00:1::]/", "https://[fe80::1]/", "https://[fc00::1]/",
    "https://[ff02::1]/", "https://[2001:db8::1]/", "https://[fec0::1]/",
]  # fmt: skip
NO_ADDRESS = [
    "", "example.com", "ftp://example.com/", "file:///etc/passwd", "javascript:alert(1)", "https://", "https:///path", "https://user@example.com/",
    "https://user:password@example.com/", "https://example.com/#part", "https://example.com:0/", "https://example.com:99999/", "https://example.com:x/",
    "https://example.com./", "https://exa mple.com/", "https://example.com/\r\nHost: other", "https://example.com\\@127.0.0.1/", "https://[::1/",
    "https://①②⑦.⓪.⓪.①/", "https://example.com%00.other/", "https://-example.com/", "https://exämple.com/", "http://example.com/",
    "https://example.com:22/", "https://example.com:25/",
]  # fmt: skip


@pytest.mark.parametrize("url", [*NOWHERE, *NO_ADDRESS])
def test_p04_an_odd_address_is_refused_when_it_is_typed(url):
    with pytest.raises(ValidationError):
        address.check(url)


@pytest.mark.parametrize("url", ["https://example.com", "https://example.com:8443/a?b=c", "https://8.8.8.8/", "https://[2606:4700::1111]/",
                                 "https://a-b.example.co.uk/hook", " https://xn--exmple-cua.com/ "])  # fmt: skip
def test_a_public_address_is_taken(url):
    assert address.check(url) == url.strip()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "2130706433", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"])
def test_p05_what_leads_inside_is_refused_again_when_it_is_sent(receiver, host):
    """Also a name that was harmless when it was typed: what counts is where it leads now."""
    answer = address.post(f"http://{host}:{receiver.port}/", b"{}", {})
    assert isinstance(answer.error, address.Refused) and not receiver.got
    assert "private network" in address.said(answer)


def test_p05_a_name_is_looked_up_once_and_the_address_that_was_checked_is_connected_to(receiver, settings, monkeypatch):
    """A resolver that gives another answer the second time, as an attacker's does."""
    settings.WEBHOOKS_ANYWHERE, asked, real = True, [], socket.getaddrinfo

    def rebinding(host, *arguments, **options):
        if host == "rebinding.example.com":
            asked.append(host)
            host = "127.0.0.1" if len(asked) == 1 else "127.0.0.9"
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    answer = address.post(f"http://rebinding.example.com:{receiver.port}/hook", b"{}", {})
    assert answer.ok and len(asked) == 1 and receiver.got[0].headers["Host"] == f"rebinding.example.com:{receiver.port}"


def test_the_guard_cannot_be_lifted_in_production():
    environment = {**os.environ, "LOTSE_PROFILE": "production", "SECRET_KEY": "x" * 60, "ALLOWED_HOSTS": "crm.example.com",
                   "BASE_URL": "https://crm.example.com", "WEBHOOKS_ANYWHERE": "1"}  # fmt: skip
    done = subprocess.run([sys.executable, "manage.py", "check"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode and "WEBHOOKS_ANYWHERE" in done.stderr


# --- What receivers may do --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "said"),
    [(lambda request: 500, "It answered 500"), (lambda request: 404, "It answered 404"), (lambda request: request.redirect("/elsewhere"), "redirect (302)"),
     (lambda request: time.sleep(3), "did not answer in time"), (lambda request: request.drip(4), "did not answer in time"),
     (lambda request: None, "connection failed")],
)  # fmt: skip
def test_whatever_a_receiver_does_is_a_failure_in_words_and_soon_over(receiver, settings, monkeypatch, answer, said):
    settings.WEBHOOKS_ANYWHERE = True
    monkeypatch.setattr(address, "STEP", 0.4)
    monkeypatch.setattr(address, "WHOLE", 0.8)
    receiver.answer = answer
    result = address.post(receiver.url, b"{}", {"Content-Type": "application/json"})
    assert not result.ok and said in address.said(result) and result.seconds < 2
    assert [request.path for request in receiver.got] == ["/hook"]


def test_of_an_endless_answer_only_the_beginning_is_read(receiver, settings):
    settings.WEBHOOKS_ANYWHERE = True
    receiver.answer = lambda request: request.flood()
    answer = address.post(receiver.url, b"{}", {})
    assert answer.ok and len(answer.text) <= address.READ


def test_nobody_there_is_said_too(settings):
    settings.WEBHOOKS_ANYWHERE = True
    assert "refused" in address.said(address.post(f"http://127.0.0.1:{closed_port()}/", b"{}", {}))
    assert "not found" in address.said(address.post("http://nobody.invalid/", b"{}", {}))


def test_a_certificate_counts_only_if_it_can_be_verified(receiver, settings, monkeypatch, tmp_path):
    settings.WEBHOOKS_ANYWHERE = True
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")]), datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    trusted = tmp_path / "certificate.pem"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, tmp_path / "key.pem")
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    try:
        assert "certificate is not valid" in address.said(address.post(f"https://localhost:{receiver.port}/", b"{}", {}))
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        address._trust.cache_clear()
        assert address.post(f"https://localhost:{receiver.port}/", b"{}", {}).ok
        # The right certificate, but of another host.
        assert "certificate is not valid" in address.said(address.post(f"https://127.0.0.1:{receiver.port}/", b"{}", {}))
    finally:
        address._trust.cache_clear()
    assert len(receiver.got) == 1


# --- Workers ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def start_worker(transactional_db, lists):
    processes = []

    def start():
        environment = {**os.environ, "DATABASE_URL": database_url(), "LOTSE_PROFILE": "test", "WEBHOOKS_ANYWHERE": "1",
                       "DJANGO_SETTINGS_MODULE": "crm.settings"}  # fmt: skip
        processes.append(subprocess.Popen([sys.executable, "-m", "tests.exchange.run_webhooks"], cwd=ROOT, env=environment))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_t54_a_worker_killed_around_the_call_loses_nothing_and_two_send_nothing_at_the_same_time(
    start_worker, receiver, anna, settings
):
    settings.WEBHOOKS_ANYWHERE = True
    persons = [PersonFactory(by=anna, company=None) for _ in range(12)]
    actions.create({"name": "All", "url": receiver.url, "events": ["person.changed"]}, by=anna)
    held = []

    def answer(request):
        if not held:
            held.append(request)
            time.sleep(3)  # the worker is killed meanwhile: it was sent, and never written down
        return 200

    receiver.answer = answer
    first = start_worker()
    edit_person(persons[0], {"title": "0"}, by=anna, via="card")
    until(lambda: held)
    first.kill()
    first.wait()
    receiver.answer = lambda request: time.sleep(0.02) or 200
    start_worker()
    start_worker()
    for number in range(1, 4):
        for person in persons:
            current = Person.objects.get(pk=person.pk)
            edit_person(current, {"title": str(number)}, by=anna, via="card")
    until(lambda: ChangeSet.objects.filter(action="person.edit", announced=False).count() == 0)
    until(lambda: not Delivery.objects.exclude(state="done").exists())
    ids = [event["id"] for event in receiver.events]
    # At least once: the one it died with twice, all others once.
    assert len(set(ids)) == 1 + 3 * len(persons) == len(ids) - 1 and ids.count(held[0].event["id"]) == 2
    for person in persons:
        told = [event["sequence"] for event in receiver.events if event["record_id"] == person.pk]
        assert told == sorted(told)
