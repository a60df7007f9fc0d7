"""What every answer carries, and that nothing opens without sign-in (T02, T21, T34, T35, T78, T79)."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DataError, OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, get_resolver
from django.urls.resolvers import RoutePattern
from psycopg.errors import DeadlockDetected

from crm.web import errors
from crm.web.middleware import Again, BadInput
from crm.wsgi import application

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
#: What a browser or a load balancer may ask without having signed in.
OPEN = {
    "/healthz", "/readyz", "/settings/language/", "/accounts/login/", "/accounts/logout/", "/accounts/inactive/",
    "/accounts/password/reset/", "/accounts/password/reset/done/", "/accounts/password/reset/key/done/",
    "/accounts/password/reset/key/1-1/", "/admin/login/", "/accounts/2fa/authenticate/",
    "/f/utm.js",
}  # fmt: skip


def addresses(patterns=None, prefix="/"):
    """Yield one address for each pattern of the product, the numbers and words in it made up."""
    for entry in patterns if patterns is not None else get_resolver().url_patterns:
        if isinstance(entry.pattern, RoutePattern):
            part = re.sub(r"<(?:(\w+):)?\w+>", lambda match: "1" if match[1] in {None, "int"} else "x", entry.pattern._route)
        else:
            part = (
                re.sub(r"\(\?P<\w+>(?:[^()]|\([^()]*\))*\)", "1", entry.pattern._regex)
                .strip("^$")
                .replace(r"\Z", "")
                .replace("\\", "")
            )
        address = prefix + part
        if isinstance(entry, URLPattern):
            yield address
        else:
            yield from addresses(entry.url_patterns, address)


def test_nothing_opens_without_sign_in_but_what_is_listed(db):
    opened = set()
    for address in sorted(set(addresses())):
        for method in ("get", "post"):
            answer = getattr(Client(raise_request_exception=False), method)(address)
            refused = answer.status_code in {401, 404, 405, 410} or (
                answer.status_code in {301, 302} and "/login/" in answer.headers["Location"]
            )
            if not refused and not (answer.status_code == 301 and answer.headers["Location"].startswith("/")):
                opened.add(address)
    assert opened <= OPEN


def test_a_form_without_its_token_is_refused(anna):
    client = Client(enforce_csrf_checks=True)
    client.force_login(anna)
    for address in sorted(set(addresses())):
        if address.startswith("/api/"):
            continue
        answer = client.post(address, headers={"Origin": "https://evil.example"})
        assert answer.status_code in {403, 404, 405}, address


PAGES = ["/", "/accounts/login/", "/healthz", "/readyz", "/nowhere/", "/settings/", "/static/lotse/app.css", "/static/nowhere.css",
         "/%00", "/search/?q=%00", "/accounts/password/reset/"]  # fmt: skip


@pytest.mark.parametrize("address", PAGES)
def test_every_answer_carries_the_headers(client, db, address):
    answer = client.get(address)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in f"{policy};" and "unsafe" not in policy
    assert answer.status_code < 500


def test_a_wrong_host_is_refused_with_the_headers(db):
    answer = Client(headers={"Host": "evil.example"}).get("/accounts/login/")
    assert answer.status_code == 400 and answer.headers["X-Frame-Options"] == "DENY"


def test_nothing_of_ours_is_kept_by_a_cache_but_files(client, db):
    assert "no-store" in client.get("/accounts/login/").headers["Cache-Control"]
    assert "no-store" not in client.get("/static/lotse/app.css").headers.get("Cache-Control", "")


# --- What no database can store ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "exception",
    [DataError("value too long for type character varying(80)"), ValueError("A string literal cannot contain NUL (0x00) characters."),
     OverflowError("Python int too large to convert to SQLite INTEGER"), UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates")],
)  # fmt: skip
def test_what_cannot_be_stored_is_a_400(exception):
    middleware = BadInput(lambda request: None)
    for address in ("/persons/1/", "/api/v1/persons/"):
        assert middleware.process_exception(RequestFactory().get(address), exception).status_code == 400
    assert middleware.process_exception(RequestFactory().get("/"), ValueError("ours")) is None


@pytest.mark.parametrize("typed", ["\x00", "a\x00b", "x" * 300, "\u202eevil", "'; DROP TABLE crm_user; --", "{{ 7*7 }}", "<b>"])
@pytest.mark.parametrize(
    ("address", "field"),
    [("/accounts/login/", "login"), ("/accounts/login/", "password"), ("/accounts/password/reset/", "email"),
     ("/accounts/login/", "next"), ("/settings/language/", "language"), ("/settings/language/", "next")],
)  # fmt: skip
def test_no_form_before_sign_in_answers_with_an_error_of_ours(db, address, field, typed):
    fields = {"login": "anna", "password": "x", "language": "de", "email": "a@example.com", field: typed}
    assert Client().post(address, fields).status_code < 500
    assert "<b>" not in Client().post(address, fields).content.decode().split("<body")[-1]


@pytest.mark.parametrize(("times", "status"), [(1, 200), (3, 200), (4, 503)])
def test_what_waited_in_a_circle_is_done_again_unseen_but_not_for_ever(rf, times, status):
    """The database ends one of two that wait for each other (T46); here it does so `times` times."""
    ended = OperationalError("deadlock detected")
    ended.__cause__ = DeadlockDetected()
    left = [ended] * times

    def view(request, pk):
        if left:
            raise left.pop()
        return HttpResponse(str(pk))

    request = rf.post("/")
    request.resolver_match = SimpleNamespace(func=view, args=(), kwargs={"pk": 7})
    left.pop()  # the first was raised to the handler
    answer = Again(lambda request: None).process_exception(request, ended)
    assert (answer is not None) == (status == 200)
    assert Again(lambda request: None).process_exception(request, OperationalError("server closed the connection")) is None


# --- Pages for what went wrong ----------------------------------------------------------------------------------------


def test_an_unexpected_error_shows_nothing_of_the_inside(rf, db):
    request = rf.get("/")
    try:
        raise RuntimeError("secret inside")
    except RuntimeError:
        page = errors.server_error(request)
        part = errors.server_error(rf.get("/", headers={"HX-Request": "true"}))
    assert (page.status_code, part.status_code) == (500, 500)
    assert "secret" not in page.content.decode() and "<html" in page.content.decode()
    assert "toast" in part.headers["HX-Trigger"] and not part.content


def test_a_database_that_is_away_is_a_503_that_says_when_to_come_back(rf):
    try:
        raise OperationalError("server closed the connection: password=hunter2")
    except OperationalError:
        page = errors.server_error(rf.get("/"))
    assert page.status_code == 503 and page.headers["Retry-After"] and b"hunter2" not in page.content


def test_htmx_gets_a_line_and_a_message_instead_of_a_page(client, db):
    whole, part = client.get("/nowhere/"), client.get("/nowhere/", headers={"HX-Request": "true"})
    assert (whole.status_code, part.status_code) == (404, 404)
    assert b"<html" in whole.content and b"<html" not in part.content
    assert "toast" in part.headers["HX-Trigger"]


def test_a_refusal_says_why(rf, anna):
    request = rf.get("/")
    request.user = anna
    assert "only administrators" in errors.forbidden(request, PermissionDenied("only administrators")).content.decode()


# --- The production profile -------------------------------------------------------------------------------------------

PRODUCTION = {
    "LOTSE_PROFILE": "production", "SECRET_KEY": "tEsts-0nly-9f8e7d6c5b4a3210-abcdefghijklmnopqrstuvwxyz-ZYX", "ALLOWED_HOSTS": "crm.example.com",
    "BASE_URL": "https://crm.example.com", "DATABASE_URL": "postgres://lotse@127.0.0.1/lotse", "DJANGO_SETTINGS_MODULE": "crm.settings",
}  # fmt: skip


def manage(*arguments, **environment):
    given = {**{key: value for key, value in os.environ.items() if key != "LOTSE_PROFILE"}, **PRODUCTION, **environment}
    return subprocess.run([sys.executable, *arguments], env=given, cwd=Path(__file__).parents[2], capture_output=True, text=True)


def test_the_production_profile_passes_djangos_check_without_a_warning():
    done = manage("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    assert "no issues (0 silenced)" in done.stdout


@pytest.mark.parametrize(
    "wrong", [{"ALLOWED_HOSTS": "*"}, {"ALLOWED_HOSTS": ""}, {"BASE_URL": "http://crm.example.com"}, {"SECRET_KEY": ""}]
)
def test_production_refuses_to_start_when_set_up_wrongly(wrong):
    done = manage("manage.py", "check", **wrong)
    assert done.returncode != 0 and "ImproperlyConfigured" in done.stderr


def test_production_turns_to_https_with_every_header_and_safe_cookies(tmp_path):
    assert manage("manage.py", "collectstatic", "--no-input", LOTSE_VAR=str(tmp_path)).returncode == 0
    ask = """
import django; django.setup()
from django.test import Client
client = Client(headers={"Host": "crm.example.com"})
plain = client.get("/accounts/login/")
assert plain.status_code == 301 and plain.headers["Location"].startswith("https://crm.example.com/"), plain
assert plain.headers["X-Frame-Options"] == "DENY" and "default-src 'none'" in plain.headers["Content-Security-Policy"]
safe = client.get("/accounts/login/", headers={"X-Forwarded-Proto": "https"})
assert "max-age=63072000" in safe.headers["Strict-Transport-Security"]
cookie = safe.cookies["__Host-csrf"]
assert cookie["secure"] and cookie["httponly"] and cookie["path"] == "/" and not cookie["domain"]
assert "upgrade-insecure-requests" in safe.headers["Content-Security-Policy"]
assert client.get("/healthz").status_code == 200
"""
    done = manage("-c", ask, LOTSE_VAR=str(tmp_path), DATABASE_URL="sqlite:///:memory:")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("charset", ["zlib", "undefined", "idna", "utf-16", "nonsense", "x" * 500])
@pytest.mark.parametrize("address", ["/healthz?next=%ff", "/accounts/login/?next=/", "/api/v1/persons/?name=a"])
def test_no_charset_a_request_claims_breaks_the_door(db, address, charset):
    """The test client has a door of its own; this is the one gunicorn opens."""
    environ = RequestFactory().generic("GET", address).environ | {"CONTENT_TYPE": f"text/html; charset={charset}"}
    answered = []
    b"".join(application(environ, lambda status, headers, *rest: answered.append(status)))
    assert answered[0][:3] in {"200", "401"}
