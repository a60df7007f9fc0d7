"""Signing in and out (T17–T20, T22, T23), through the product's own pages."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.contrib import messages
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.jobs.worker import run_pending
from crm.models import User
from crm.web import middleware
from crm.web.accounts import AccountAdapter
from tests.factories import PersonFactory

PASSWORD = "a good password"
NEW = "quite another password"
LOGIN = "/accounts/login/"
START = "/settings/"


def sign_in(client, login, password=PASSWORD, **headers):
    return client.post(LOGIN, {"login": login, "password": password}, headers=headers)


def signed_in(client):
    return client.get("/settings/theme/").status_code == 405  # a signed-in page that renders nothing


# --- In and out -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["anna", "ANNA", "anna@example.com", " Anna@Example.com "])
def test_user_name_and_email_both_sign_in(anna, client, login):
    assert sign_in(client, login).status_code == 302
    assert signed_in(client)


def test_the_session_changes_its_id_at_sign_in_and_ends_at_sign_out(anna, client):
    client.get(LOGIN)
    client.cookies["lotse_session"] = "a" * 32
    sign_in(client, "anna")
    key = client.cookies["lotse_session"].value
    assert key != "a" * 32 and Session.objects.filter(pk=key).exists()
    answer = client.post("/accounts/logout/")
    assert answer.status_code == 302 and "storage" in answer["Clear-Site-Data"]
    assert not Session.objects.filter(pk=key).exists()
    old = Client()
    old.cookies["lotse_session"] = key
    assert not signed_in(old)


def test_a_link_alone_signs_nobody_out(anna, client):
    sign_in(client, "anna")
    assert client.get("/accounts/logout/").status_code == 200
    assert signed_in(client)


def test_there_is_no_sign_up(db, client):
    for address in ("/accounts/signup/", "/accounts/email/", "/accounts/password/set/", "/accounts/confirm-email/abc/"):
        assert client.get(address).status_code == 404
        assert client.post(address, {"email": "eve@example.com", "username": "eve", "password1": NEW}).status_code == 404
    assert not User.objects.filter(username="eve").exists()


def test_who_is_switched_off_is_out_at_once_and_stays_out(anna, client):
    sign_in(client, "anna")
    User.objects.update(is_active=False)
    assert not signed_in(client)
    User.objects.update(is_active=True)
    assert not signed_in(client)  # the session is gone, not only refused


def test_who_is_switched_off_cannot_sign_in(anna, client):
    User.objects.update(is_active=False)
    assert sign_in(client, "anna").headers["Location"] == reverse("account_inactive")
    assert not signed_in(client)


def test_a_changed_role_holds_from_the_next_request(anna, max_, client, roles):
    PersonFactory(by=max_, last_name="Petersen", company=None)
    sign_in(client, "anna")
    sees = [b"Petersen" in client.get("/search/?q=petersen", headers={"HX-Request": "true"}).content]
    User.objects.filter(pk=anna.pk).update(role=roles["marketer"])
    sees.append(b"Petersen" in client.get("/search/?q=petersen", headers={"HX-Request": "true"}).content)
    assert sees == [False, True]


@pytest.mark.parametrize(("idle", "stays"), [(11 * 3600, True), (13 * 3600, False)])
def test_a_session_ends_after_twelve_idle_hours(anna, client, monkeypatch, idle, stays):
    sign_in(client, "anna")
    assert signed_in(client)
    now = middleware.time.time()
    monkeypatch.setattr(middleware.time, "time", lambda: now + idle)
    assert signed_in(client) is stays


def test_a_session_ends_after_seven_days_however_busy(anna, client, monkeypatch):
    sign_in(client, "anna")
    now = middleware.time.time()
    hours = 0
    while hours < 24 * 7:
        monkeypatch.setattr(middleware.time, "time", lambda at=now + hours * 3600: at)
        assert signed_in(client), hours
        hours += 10
    monkeypatch.setattr(middleware.time, "time", lambda: now + 24 * 7 * 3600 + 3600)
    assert not signed_in(client)


def test_a_page_that_stayed_open_is_told_of_its_old_token_and_who_is_signed_in_by_now(anna):
    client = Client(enforce_csrf_checks=True)
    client.force_login(anna)
    refused = client.post("/settings/theme/", {"theme": "dark"}, headers={"HX-Request": "true", "X-CSRFToken": "x" * 64})
    assert refused.status_code == 403 and refused.headers["Lotse-Refused"] == "token" and "HX-Trigger" not in refused.headers
    told = client.get("/signed-in-as/", headers={"HX-Request": "true"}).json()
    assert (told["user"], told["name"]) == (str(anna.pk), "Anna Kraft")
    again = client.post("/settings/theme/", {"theme": "dark"}, headers={"HX-Request": "true", "X-CSRFToken": told["token"]})
    assert again.status_code < 400
    client.logout()
    assert client.get("/signed-in-as/", headers={"HX-Request": "true"}).status_code == 401


def test_an_expired_session_is_a_401_for_htmx_and_keeps_the_page(db, client):
    assert client.post("/settings/theme/", headers={"HX-Request": "true"}).status_code == 401
    assert client.get(START).headers["Location"] == f"{LOGIN}?next={START}"


def test_u3_who_signs_in_after_an_expired_session_comes_to_a_page_and_not_to_where_something_was_sent(db, client):
    sent = client.post("/settings/profile/", {"first_name": "Anna"}, headers={"Referer": "http://testserver/settings/"})
    assert sent.headers["Location"] == f"{LOGIN}?next=/settings/"
    for page in ("https://evil.example/", ""):
        assert client.post("/settings/profile/", headers={"Referer": page}).headers["Location"] == f"{LOGIN}?next=/"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "http:evil.example", "javascript:alert(1)", "\thttps://evil.example",
     "https:///evil.example", "http://127.0.0.1@evil.example", "/%09/evil.example", "///evil.example", "http://[::1]evil.example"],
)  # fmt: skip
def test_sign_in_leads_to_our_own_pages_only(anna, client, target):
    client.post(LOGIN, {"login": "anna", "password": PASSWORD, "next": target})
    answer = client.post("/settings/theme/", {"theme": "dark", "next": target}, headers={"Referer": target.strip()})
    for location in (client.get(LOGIN, {"next": target}).headers.get("Location", "/"), answer.headers["Location"]):
        assert location.startswith("/") and not re.match(r"[/\\]{2}|/[\\\t]", location)


# --- Guessing ---------------------------------------------------------------------------------------------------------


def test_after_five_failed_attempts_even_the_right_password_is_refused(anna, client):
    for name in ["anna", "anna@example.com"] * 3:  # one counter, whatever she is called
        sign_in(client, name, "wrong", **{"X-Forwarded-For": f"10.0.0.{len(name)}"})
    answer = sign_in(client, "anna")
    # The same is said where a code is asked for.
    assert "Too many failed attempts. For some minutes even a right one is refused" in answer.content.decode()
    assert not signed_in(client)


def test_a_forged_address_evades_nothing(anna, jan, client):
    for number in range(12):
        sign_in(client, f"nobody{number}", "wrong", **{"X-Forwarded-For": f"10.9.8.{number}"})
    assert "Too many failed attempts" in sign_in(client, "jan", **{"X-Forwarded-For": "10.1.1.1"}).content.decode()


def test_behind_a_proxy_only_what_it_adds_counts(rf, settings):

    settings.TRUSTED_PROXIES = 1
    request = rf.get("/", headers={"X-Forwarded-For": "6.6.6.6, 1.2.3.4"})
    assert AccountAdapter(request).get_client_ip(request) == "1.2.3.4"
    settings.TRUSTED_PROXIES = 0
    assert AccountAdapter(request).get_client_ip(request) == "127.0.0.1"


def test_guessing_from_many_processes_at_once_is_one_count(transactional_db, lists, anna):
    connection.close()
    environment = {
        **os.environ,
        "LOTSE_PROFILE": "test",
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "crm.settings",
    }
    command = [sys.executable, "-m", "tests.crm.guess", "12"]
    guessing = [
        subprocess.Popen(command, cwd=Path(__file__).parents[2], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outcomes = [line for process in guessing for line in process.communicate(timeout=60)[0].split()]
    assert len(outcomes) == 24 and outcomes.count("tried") <= 5
    client = Client()
    sign_in(client, "anna")
    assert not signed_in(client)


def database_url():
    from tests.crm.test_jobs import database_url

    return database_url()


def test_known_and_unknown_names_get_the_same_answer(anna, client):
    def answer(login):
        with CaptureQueriesContext(connection) as queries:
            response = sign_in(Client(), login, "wrong")
        body = re.sub(r'(csrf-token" content|csrfmiddlewaretoken" value|X-CSRFToken": )="?[^"]*', "", response.content.decode())
        return response.status_code, re.sub(r'"X-CSRFToken": "[^"]*"', "", body.replace(login, "?")), len(queries)

    assert answer("anna@example.com") == answer("eve@example.com")
    assert answer("anna") == answer("evee")


@pytest.mark.parametrize("login", ["anna", "anna@example.com", "evee", "eve@example.com"])
def test_each_attempt_costs_one_slow_comparison(anna, login, monkeypatch):
    """Counted, not timed: what takes time at sign-in is the hashing of a password (T19)."""
    from django.contrib.auth.hashers import MD5PasswordHasher

    hashed, encode = [], MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *given: hashed.append(1) or encode(*given))
    sign_in(Client(), login, "wrong")
    assert len(hashed) == 1


# --- A forgotten password ---------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(anna):
    """Anna's browser at home, signed in."""
    client = Client()
    sign_in(client, "anna")
    return client


@pytest.fixture
def reset_link(anna, client, elsewhere):
    client.post("/accounts/password/reset/", {"email": "Anna@example.com"})
    run_pending(beating=False)
    return re.search(r"https?://\S+", mail.outbox[0].body)[0]


def choose(client, link, password=NEW):
    form = client.get(link, follow=True)
    address = form.redirect_chain[-1][0] if form.redirect_chain else link
    return client.post(address, {"password1": password, "password2": password}, follow=True)


def test_a_mail_is_plain_text(anna, client):
    User.objects.filter(pk=anna.pk).update(first_name="Sinéad", last_name="O'Brien & Co")
    client.post("/accounts/password/reset/", {"email": "anna@example.com"})
    run_pending(beating=False)
    assert mail.outbox[0].body.startswith("Hello Sinéad O'Brien & Co,")


def test_a_mailed_link_sets_a_new_password_once(anna, client, elsewhere, reset_link, settings):
    link = reset_link.removeprefix(settings.BASE_URL)
    assert "was changed" in choose(client, link).content.decode()
    assert not signed_in(elsewhere)
    assert "no longer works" in client.get(link).content.decode()
    sign_in(client, "anna", NEW)
    assert signed_in(client)
    run_pending(beating=False)
    assert mail.outbox[-1].to == ["anna@example.com"] and "Your password was changed" in mail.outbox[-1].body


def test_a_mailed_link_names_our_own_address_whatever_the_host_header_says(anna, settings):
    settings.ALLOWED_HOSTS = ["127.0.0.1", "other.example", "testserver"]
    Client(headers={"Host": "other.example", "X-Forwarded-Host": "evil.example"}).post(
        "/accounts/password/reset/", {"email": anna.email}
    )
    assert Client(headers={"Host": "evil.example"}).post("/accounts/password/reset/", {"email": anna.email}).status_code == 400
    run_pending(beating=False)
    assert [re.search(r"https?://[^/]*", message.body)[0] for message in mail.outbox] == [settings.BASE_URL]


def test_a_link_ends_with_the_address_it_was_mailed_to(anna, client, reset_link, settings):
    from crm.web.accounts import change_email

    change_email(anna, "anna.kraft@example.com")
    assert "no longer works" in client.get(reset_link.removeprefix(settings.BASE_URL)).content.decode()


def test_a_link_ends_after_an_hour(anna, client, reset_link, settings):
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "no longer works" in client.get(reset_link.removeprefix(settings.BASE_URL)).content.decode()


def test_a_reset_lets_in_who_was_locked_out_by_guessing(anna, client, reset_link, settings):
    for _ in range(7):
        sign_in(Client(REMOTE_ADDR="10.0.0.7"), "anna", "wrong")
    choose(client, reset_link.removeprefix(settings.BASE_URL))
    sign_in(client, "anna", NEW)
    assert signed_in(client)


def test_nobody_learns_from_the_reset_form_who_is_here(anna, client):
    def answer(email):
        with CaptureQueriesContext(connection) as queries:
            response = Client().post("/accounts/password/reset/", {"email": email})
        return response.status_code, response.headers["Location"], response.content, len(queries)

    assert answer("anna@example.com") == answer("eve@example.com")
    assert run_pending(beating=False) == 2
    assert [message.to for message in mail.outbox] == [["anna@example.com"]]


# --- The second factor ------------------------------------------------------------------------------------------------


def totp(secret):
    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time

    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def confirm(client, address):
    """Enter the password again on the way to a page that demands it."""
    assert client.get(address).headers["Location"].startswith("/accounts/reauthenticate/")
    assert "not your password" in client.post(f"/accounts/reauthenticate/?next={address}", {"password": "wrong"}).content.decode()
    assert client.post(f"/accounts/reauthenticate/?next={address}", {"password": PASSWORD}).headers["Location"] == address


@pytest.fixture
def secret(anna, client):
    """Switch anna's second factor on, as she would, and return its secret."""
    sign_in(client, "anna")
    confirm(client, "/accounts/2fa/totp/activate/")
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    secret = re.search(r'<code class="token">(\w+)', page)[1]
    answer = client.post("/accounts/2fa/totp/activate/", {"code": totp(secret)}, follow=True)
    assert "Recovery codes" in answer.content.decode()
    return secret


@pytest.mark.parametrize(
    "page, words",
    [("mfa_activate_totp", "Keep your recovery codes"), ("mfa_generate_recovery_codes", "the old ones no longer work")],
)
def test_of_the_first_recovery_codes_no_old_ones_are_told(page, words, rf):
    request = rf.get("/")
    request.resolver_match, request._messages = SimpleNamespace(url_name=page), CookieStorage(request)
    AccountAdapter().add_message(request, messages.SUCCESS, "mfa/messages/recovery_codes_generated.txt")
    assert words in str(next(iter(request._messages)))


def test_with_a_second_factor_the_password_alone_does_not_open(anna, secret):
    client = Client()
    assert sign_in(client, "anna").headers["Location"] == "/accounts/2fa/authenticate/"
    assert not signed_in(client)
    assert "not right" in client.post("/accounts/2fa/authenticate/", {"code": "000000"}).content.decode()
    from django.core.cache import cache

    cache.clear()  # a code is used once; the next would come in half a minute
    client.post("/accounts/2fa/authenticate/", {"code": totp(secret)})
    assert signed_in(client)


def test_a_recovery_code_opens_once(anna, client, secret):
    page = client.get("/accounts/2fa/recovery-codes/").content.decode()
    codes = re.search(r'<pre class="token">([^<]+)', page)[1].split()
    for works in (True, False):
        other = Client()
        sign_in(other, "anna")
        other.post("/accounts/2fa/authenticate/", {"code": codes[0]})
        assert signed_in(other) is works


def test_the_secret_lies_encrypted_in_the_database(anna, secret):
    with connection.cursor() as cursor:
        cursor.execute("SELECT data FROM mfa_authenticator")
        assert secret not in str(cursor.fetchall())


def test_a_second_factor_of_another_key_is_refused_and_can_be_removed(anna, ada, secret, settings):
    from django.core.management import CommandError, call_command

    settings.SECRET_KEY = "another" * 9  # as after a restore without the key
    client = Client()
    sign_in(client, "anna")
    page = client.post("/accounts/2fa/authenticate/", {"code": totp(secret)})
    assert page.status_code == 200 and "This second factor can no longer be read" in page.content.decode()
    assert not signed_in(client)
    with pytest.raises(CommandError, match="no user bob"):
        call_command("remove_second_factor", "bob")
    call_command("remove_second_factor", "Anna")
    client = Client()
    sign_in(client, "anna")
    assert signed_in(client)


def test_an_administrator_without_a_second_factor_is_sent_to_set_one_up(ada, client, settings):
    settings.SECOND_FACTOR_FOR_ADMINISTRATORS = True
    sign_in(client, "ada")
    assert client.get("/admin/").headers["Location"] == "/accounts/2fa/totp/activate/"
    confirm(client, "/accounts/2fa/totp/activate/")
    assert client.get("/accounts/2fa/totp/activate/").status_code == 200


# --- The demo ---------------------------------------------------------------------------------------------------------


def test_only_the_demo_shows_its_passwords(anna, client, settings, tmp_path):
    settings.VAR_DIR = tmp_path
    (tmp_path / "demo.json").write_text(
        '[{"username": "anna", "password": "a good password"}, {"username": "gone", "password": "x"}]'
    )
    settings.DEMO = False
    assert PASSWORD not in client.get(LOGIN).content.decode()
    settings.DEMO = True
    assert PASSWORD in client.get(LOGIN).content.decode()
    anna.set_password(NEW)
    anna.save()
    assert PASSWORD not in client.get(LOGIN).content.decode()
