"""A user's own settings (A3), by the page's forms."""

import re

import pytest
from django.core import mail
from django.test import Client

from crm.jobs.worker import run_pending
from crm.models import ApiToken, TableSetting, User

PASSWORD = "a good password"


@pytest.fixture
def page(anna, client):
    client.force_login(anna)
    return client


def anna_now():
    return User.objects.get(username="anna")


def profile(**given):
    return {"first_name": "Anna", "last_name": "Kraft", "email": "anna@example.com", "password": "", **given}


def test_names_are_changed_without_a_password(page):
    assert page.post("/settings/profile/", profile(last_name="Kräft")).status_code == 302
    assert (anna_now().name, anna_now().name_key) == ("Anna Kräft", "anna kraft")
    assert "Your profile is saved." in page.get("/settings/").content.decode()


@pytest.mark.parametrize("password", ["", "wrong"])
def test_the_email_is_not_changed_without_the_right_password(page, password):
    answer = page.post("/settings/profile/", profile(email="new@example.com", last_name="Typed", password=password))
    assert answer.status_code == 422 and "enter your current password" in answer.content.decode()
    assert "new@example.com" in answer.content.decode() and "Typed" in answer.content.decode()  # nothing typed is lost
    assert (anna_now().email, anna_now().last_name) == ("anna@example.com", "Kraft")


def test_the_password_cannot_be_guessed_by_changing_the_email(page):
    for number in range(10):
        page.post("/settings/profile/", profile(email="new@example.com", password=f"guess {number}"))
    answer = page.post("/settings/profile/", profile(email="new@example.com", password=PASSWORD))
    assert answer.status_code == 422 and "Too many attempts" in answer.content.decode()
    assert anna_now().email == "anna@example.com"


def test_a_changed_email_is_told_to_the_old_address(page):
    page.post("/settings/profile/", profile(email="new@example.com", password=PASSWORD))
    assert anna_now().email == "new@example.com"
    run_pending(beating=False)
    assert mail.outbox[0].to == ["anna@example.com"] and "new@example.com" in mail.outbox[0].body


def test_an_email_that_is_taken_is_refused_at_its_field(page, jan):
    answer = page.post("/settings/profile/", profile(email="JAN@example.com", password=PASSWORD))
    assert answer.status_code == 422 and "This e-mail is taken." in answer.content.decode()


@pytest.mark.parametrize(
    "given",
    [
        {"first_name": "x" * 81},
        {"last_name": "a\x00b"},
        {"email": "no address"},
        {"email": ""},
        {"email": "x" * 300 + "@example.com"},
    ],
)
def test_what_cannot_be_is_said_at_the_field(page, given):
    assert page.post("/settings/profile/", profile(password=PASSWORD, **given)).status_code == 422
    assert anna_now().name == "Anna Kraft"


def test_language_zone_and_theme_are_kept(page):
    page.post("/settings/preferences/", {"language": "de", "time_zone": "America/Santiago", "theme": "dark"})
    user = anna_now()
    assert (user.language, user.time_zone, user.theme) == ("de", "America/Santiago", "dark")
    answer = page.get("/settings/")
    assert 'lang="de"' in answer.content.decode() and 'data-theme="dark"' in answer.content.decode()


@pytest.mark.parametrize(
    "given", [{"time_zone": "Mars/Base"}, {"language": "xx"}, {"theme": "pink"}, {"time_zone": "../etc/passwd"}]
)
def test_what_is_no_choice_is_refused(page, given):
    fields = {"language": "en", "time_zone": "Europe/Berlin", "theme": "auto", **given}
    assert page.post("/settings/preferences/", fields).status_code == 422
    assert anna_now().time_zone == "Europe/Berlin"


def test_nobody_raises_their_own_role(page, roles):
    everything = {"role": roles["administrator"].pk, "is_active": "", "username": "root", "is_staff": "1", "teams": ["1"]}
    page.post("/settings/profile/", profile(**everything))
    page.post("/settings/preferences/", {"language": "en", "time_zone": "UTC", "theme": "auto", **everything})
    user = anna_now()
    assert user.role == roles["sales_rep"] and user.is_active and user.teams.count() == 1


def test_the_user_menu_switches_language_and_theme(page):
    answer = page.post("/settings/language/", {"language": "de"}, headers={"Referer": "http://testserver/persons/?page=2"})
    assert answer.headers["Location"] == "/persons/?page=2" and anna_now().language == "de"
    page.post("/settings/theme/", {"theme": "light"})
    assert anna_now().theme == "light"
    assert page.post("/settings/theme/", {"theme": "pink"}).status_code == 400
    assert page.post("/settings/language/", {"language": "xx"}).status_code == 400


def test_the_whole_page_speaks_the_language_at_once(page):
    for language, keys in (("en", "Keyboard shortcuts"), ("de", "Tastenkürzel"), ("en", "Keyboard shortcuts")):
        page.post("/settings/language/", {"language": language})
        assert f'<h2 id="keys-title">{keys}</h2>' in page.get("/settings/").content.decode()


def test_before_sign_in_the_browser_keeps_the_language(db):
    client = Client(headers={"Accept-Language": "en"})
    assert 'lang="en"' in client.get("/accounts/login/").content.decode()
    client.post("/settings/language/", {"language": "de", "next": "/accounts/login/"})
    assert 'lang="de"' in client.get("/accounts/login/").content.decode()


# --- Tokens -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def confirmed(anna, client):
    client.post("/accounts/login/", {"login": "anna", "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def test_a_token_is_shown_once_and_stored_as_a_hash(confirmed):
    answer = confirmed.post("/settings/tokens/", {"name": "Sync", "read_only": "on"})
    token = re.search(r"lotse_[\w-]+", answer.content.decode())[0]
    assert token not in confirmed.get("/settings/").content.decode()
    row = ApiToken.objects.get()
    assert (row.name, row.read_only, row.digest) == ("Sync", True, ApiToken.hash(token))


def test_a_token_needs_the_password_again(page):
    assert page.post("/settings/tokens/", {"name": "Sync"}).headers["Location"].startswith("/accounts/reauthenticate/")
    assert not ApiToken.objects.exists()


def test_the_token_asked_for_is_made_once_the_password_is_confirmed(page):
    page.post("/settings/tokens/", {"name": "Sync"})
    answer = page.post("/accounts/reauthenticate/?next=/settings/tokens/", {"password": PASSWORD}, follow=True)
    assert answer.status_code == 200 and ApiToken.objects.get().name == "Sync"


def test_who_reloads_after_confirming_lands_on_the_settings(confirmed):
    assert confirmed.get("/settings/tokens/").headers["Location"] == "/settings/"


def test_tokens_are_revoked_by_their_owner_only(page, jan):
    ApiToken.issue(anna_now(), "mine")
    ApiToken.issue(jan, "theirs")
    mine, theirs = ApiToken.objects.get(name="mine"), ApiToken.objects.get(name="theirs")
    assert page.post(f"/settings/tokens/{theirs.pk}/revoke/").status_code == 404
    assert page.post(f"/settings/tokens/{mine.pk}/revoke/").status_code == 302
    assert page.post(f"/settings/tokens/{mine.pk}/revoke/").status_code == 404
    assert list(ApiToken.objects.filter(revoked_at=None)) == [theirs]


# --- Lists ------------------------------------------------------------------------------------------------------------


def test_all_lists_are_reset_and_undo_brings_them_back(page, anna, jan):
    TableSetting.objects.create(user=anna, table="persons", state={"columns": ["name"]})
    theirs = TableSetting.objects.create(user=jan, table="persons", state={})
    answer = page.post("/settings/lists/reset/", headers={"HX-Request": "true"})
    assert "/settings/lists/restore/" in answer.headers["HX-Trigger"]
    assert list(TableSetting.objects.all()) == [theirs]
    page.post("/settings/lists/restore/")
    assert TableSetting.objects.get(user=anna).state == {"columns": ["name"]}


@pytest.mark.parametrize("many", [1, 30])
def test_the_page_needs_a_constant_number_of_queries(page, anna, many, django_assert_max_num_queries):
    for number in range(many):
        ApiToken.issue(anna, f"Token {number}")
    page.get("/settings/")
    with django_assert_max_num_queries(10):
        page.get("/settings/")
