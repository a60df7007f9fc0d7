"""The admin site's pages of users, teams, roles and tokens, and of what happened (A1, A2, T10, settled 21)."""

import re
import threading

import pytest
from django.contrib.admin.models import DELETION, LogEntry
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.translation import gettext as _

from crm import users
from crm.history.models import ChangeSet
from crm.jobs import enqueue
from crm.jobs.schedule import ensure
from crm.jobs.worker import run_pending
from crm.models import ApiToken, Job, Role, Team, User
from crm.web.accounts import change_email, mail_notice
from leads.models import LeadStatus
from tests.factories import CompanyFactory, UserFactory
from tests.meanwhile import meanwhile, only_postgresql

PASSWORD = "a good password"
PAGES = ["crm/user", "crm/team", "crm/role", "crm/apitoken", "crm/changeset", "crm/job", "leads/category", "leads/categorygroup",
         "leads/leadstatus", "leads/industry", "leads/source"]  # fmt: skip


@pytest.fixture
def page(ada, client):
    client.force_login(ada)
    return client


@pytest.fixture
def signed_in(ada, client):
    """Signed in a moment ago, with the password: as pages ask that open an account."""
    client.post("/accounts/login/", {"login": "ada", "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def shown(answer):
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def user_form(**given):
    return {"first_name": "Lea", "last_name": "Brandt", "username": "lea", "email": "lea@example.com", "password": "quite a long one",
            "role": Role.objects.get(code="sales_rep").pk, "language": "de", "time_zone": "Europe/Vienna", "is_active": "on",
            **given}  # fmt: skip


def as_shown(user, **given):
    """Return what the form of this user sends back, with what it was shown beside it."""
    values = {name: getattr(user, name) for name in ("first_name", "last_name", "username", "email", "language", "time_zone")}
    values["role"] = user.role_id
    was = {f"initial-{name}": value for name, value in values.items()} | {"initial-is_active": str(user.is_active)}
    teams = list(user.teams.values_list("pk", flat=True))
    sent = values | was | {"teams": teams, "initial-teams": teams} | ({"is_active": "on"} if user.is_active else {})
    return {name: value for name, value in (sent | given).items() if value is not None}


# --- Who enters ---------------------------------------------------------------------------------------------------------


def test_who_is_signed_out_signs_in_at_the_products_own_page(lists, client):
    answer = client.get("/admin/crm/user/")
    assert answer.status_code == 302 and answer["Location"] == "/accounts/login/?next=/admin/crm/user/"
    assert (
        client.get("/admin/login/").status_code in {302, 404} and "username" not in client.get("/admin/login/").content.decode()
    )


@pytest.mark.parametrize("who", ["anna", "mia", "rita"])
@pytest.mark.parametrize("path", ["", *(f"{path}/" for path in PAGES), "crm/user/add/"])
def test_only_administrators_enter(who, path, request, client):
    client.force_login(request.getfixturevalue(who))
    assert client.get(f"/admin/{path}").status_code == 403


def test_who_loses_the_role_is_out_at_once(page, ada, roles):
    UserFactory()
    User.objects.filter(pk=ada.pk).update(role=roles["sales_rep"])
    assert page.get("/admin/").status_code == 403


@pytest.mark.parametrize("path", ["leads/company/", "leads/person/", "activities/activity/", "auth/group/", "mfa/authenticator/",
                                  "account/emailaddress/", "jsi18n/", "autocomplete/", "password_change/", "r/1/1/"])  # fmt: skip
def test_nothing_is_registered_that_would_write_past_the_actions(path, page):
    assert page.get(f"/admin/{path}").status_code == 404


@pytest.mark.parametrize("path", ["", *(f"{path}/" for path in PAGES)])
@pytest.mark.parametrize("language", ["en", "de"])
def test_every_page_opens_in_both_languages_without_inline_script_or_style(path, language, page, ada, teams):
    User.objects.filter(pk=ada.pk).update(language=language)
    ApiToken.issue(ada, "Export")
    answer = page.get(f"/admin/{path}")
    html = answer.content.decode()
    assert answer.status_code == 200 and f'lang="{language}"' in html
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", html)


@pytest.mark.parametrize("path", ["crm/user", "crm/team", "crm/role", "crm/apitoken", "crm/changeset", "crm/job"])
def test_a_list_needs_the_same_number_of_queries_however_long_it_is(path, page, ada, roles):
    page.get(f"/admin/{path}/")
    counts = []
    for start, number in ((0, 3), (3, 30)):
        for n in range(start, number):
            user = UserFactory(username=f"u{n}")
            user.teams.add(Team.objects.create(name=f"Team {n}"))
            Role.objects.create(code=f"role-{n}", name_en=f"Role {n}", name_de=f"Rolle {n}")
            ApiToken.issue(user, f"Token {n}")
            CompanyFactory(by=user)
            enqueue(mail_notice, owner=user, title="Mail", user_id=user.pk, what="x", to="a@example.com")
        with CaptureQueriesContext(connection) as queries:
            page.get(f"/admin/{path}/")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 12


# --- Users --------------------------------------------------------------------------------------------------------------


def test_a_user_is_made_and_signs_in(page, teams, client):
    answer = page.post("/admin/crm/user/add/", user_form(teams=[teams["north"].pk]), follow=True)
    lea = User.objects.get(username="lea")
    assert "Lea Brandt was created." in answer.content.decode() and list(lea.teams.all()) == [teams["north"]]
    assert (lea.role.code, lea.language, lea.time_zone, lea.name_key) == ("sales_rep", "de", "Europe/Vienna", "lea brandt")
    assert LogEntry.objects.filter(object_id=str(lea.pk), action_flag=1).exists()
    other = Client()
    other.post("/accounts/login/", {"login": "LEA@example.com", "password": "quite a long one"})
    assert other.get("/settings/theme/").status_code == 405


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"username": "ANNA"}, "This user name is taken."),
        ({"email": "Anna@Example.com"}, "This e-mail is taken."),
        ({"email": "no address"}, "Enter a valid email address."),
        ({"username": "two words"}, "Use letters, digits"),
        ({"username": ""}, "This field is required."),
        ({"username": "x" * 151}, "at most 150 characters"),
        ({"first_name": "a\x00b"}, "Null characters are not allowed."),
        ({"last_name": "x" * 81}, "at most 80 characters"),
        ({"password": "short"}, "too short"),
        ({"password": "password1234"}, "too common"),
        ({"password": ""}, "This field is required."),
        ({"role": ""}, "This field is required."),
        ({"role": "999999"}, "not one of the available choices"),
        ({"role": "9" * 40}, "not one of the available choices"),
        ({"teams": ["x"]}, "is not a valid value"),
        ({"language": "fr"}, "not one of the available choices"),
        ({"time_zone": "Mars/Base"}, "not one of the available choices"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field_and_nothing_typed_is_lost(given, sentence, page, anna):
    before = User.objects.count()
    answer = page.post("/admin/crm/user/add/", user_form(**given))
    html = answer.content.decode()
    assert answer.status_code == 422 and sentence in shown(answer) and ("lea" in html or "username" in given)
    assert User.objects.count() == before and "quite a long one" not in html  # a password is never sent back


def wrong_at(answer):
    """Return the fields of a refused form at which something is said."""
    assert answer.status_code == 422
    return set(re.findall(r'<div id="id_(\w+)_error">', answer.content.decode()))


def test_u3_all_that_is_wrong_with_a_user_is_told_at_once(page, anna):
    absent = {"absent_from": "2026-12-24", "absent_until": "2026-12-01"}
    given = user_form(username="two words", email="ANNA@example.com", **absent)
    answer = page.post("/admin/crm/user/add/", given)
    assert wrong_at(answer) == {"username", "email", "absent_until", "password"} and "Enter it again" in shown(answer)
    answer = page.post("/admin/crm/user/add/", given | {"username": "", "password": "short"})
    assert wrong_at(answer) == {"username", "email", "absent_until", "password"} and "too short" in shown(answer)
    answer = page.post(f"/admin/crm/user/{anna.pk}/change/", as_shown(anna, username="", time_zone="Mars/Base", **absent))
    assert wrong_at(answer) == {"username", "time_zone", "absent_until"}


def test_names_of_roles_are_unique_in_each_language_and_nobody_edits_what_they_do_not_see(page, roles):
    given = {"name_en": "sales REP", "name_de": "VERTRIEB", "see": "own", "edit": "all"}
    answer = page.post("/admin/crm/role/add/", given)
    assert wrong_at(answer) == {"name_en", "name_de", "edit"} and "Nobody can edit what they cannot see" in shown(answer)
    assert wrong_at(page.post("/admin/crm/role/add/", given | {"see": ""})) == {"name_en", "name_de", "see"}
    given |= {"name_en": "Inside sales", "name_de": "Innendienst"}
    for edit in ("none", "own"):
        assert page.post("/admin/crm/role/add/", given | {"name_en": edit, "name_de": edit, "edit": edit}).status_code == 302
    rep = roles["sales_rep"]
    seen = {name: getattr(rep, name) for name in ("name_en", "name_de", "see", "edit")}
    seen |= {f"initial-{name}": value for name, value in seen.items()}
    assert wrong_at(page.post(f"/admin/crm/role/{rep.pk}/change/", seen | {"name_de": "marketing"})) == {"name_de"}
    assert wrong_at(page.post(f"/admin/crm/role/{rep.pk}/change/", seen | {"edit": "all"})) == {"edit"}


def test_a_user_is_edited_in_the_fields_that_were_changed_and_no_others(page, anna):
    seen = as_shown(anna)
    User.objects.filter(pk=anna.pk).update(last_name="Kraft-Meier")  # another administrator, meanwhile
    assert page.post(f"/admin/crm/user/{anna.pk}/change/", seen | {"first_name": "Änne"}).status_code == 302
    anna.refresh_from_db()
    assert (anna.name, anna.name_key) == ("Änne Kraft-Meier", "anne kraft-meier")


def test_a_users_new_email_is_told_to_the_old_one(page, anna):
    page.post(f"/admin/crm/user/{anna.pk}/change/", as_shown(anna, email="new@example.com"))
    anna.refresh_from_db()
    run_pending(beating=False)
    assert anna.email == "new@example.com" and mail.outbox[0].to == ["anna@example.com"]


def test_a_user_is_switched_off_and_on_and_loses_nothing(page, anna):
    CompanyFactory(by=anna)
    other = Client()
    other.force_login(anna)
    page.post(f"/admin/crm/user/{anna.pk}/change/", as_shown(anna, is_active=None))
    anna.refresh_from_db()
    assert not anna.is_active and other.get("/settings/theme/").status_code != 405
    text = shown(page.get(f"/admin/crm/user/{anna.pk}/change/"))
    assert "cannot sign in" in text and "still own" in text
    assert "Anna Kraft" in shown(page.get("/admin/crm/user/?off=1")) and "Anna Kraft" not in shown(page.get("/admin/crm/user/"))
    page.post(f"/admin/crm/user/{anna.pk}/change/", as_shown(anna, is_active="on"))
    anna.refresh_from_db()
    assert anna.is_active


def test_users_are_never_deleted(page, anna):
    assert page.post(f"/admin/crm/user/{anna.pk}/delete/").status_code == 404 and User.objects.filter(pk=anna.pk).exists()


@pytest.mark.parametrize("search", ["ANN", "kräft", "anna@example", "a" * 5000, "'; --", "%", "_"])
def test_users_are_searched_by_name_and_address(search, page, anna):
    answer = page.get("/admin/crm/user/", {"q": search})
    assert answer.status_code == 200
    if len(search) > 2 and search != "'; --" and len(search) < 100:
        assert "Anna Kraft" in shown(answer)


def test_a_new_password_ends_the_sessions_and_is_told(signed_in, anna):
    other = Client()
    other.force_login(anna)
    address = f"/admin/crm/user/{anna.pk}/password/"
    assert signed_in.post(address, {"password": "short"}).status_code == 422
    assert signed_in.post(address, {"password": "an entirely new one"}).status_code == 302
    assert other.get("/settings/theme/").status_code != 405
    anna.refresh_from_db()
    assert anna.check_password("an entirely new one")
    run_pending(beating=False)
    assert "given you a new password" in mail.outbox[0].body


def test_what_is_told_by_mail_is_in_the_language_of_whom_it_is_told(signed_in, anna):
    User.objects.filter(pk=anna.pk).update(language="de")
    signed_in.post(f"/admin/crm/user/{anna.pk}/password/", {"password": "an entirely new one"})
    signed_in.post(f"/admin/crm/user/{anna.pk}/second-factor/")
    change_email(User.objects.get(pk=anna.pk), "new@example.com")
    run_pending(beating=False)
    told = " ".join(letter.body for letter in mail.outbox)
    assert "ein neues Passwort gegeben" in told and "zweiten Faktor entfernt" in told and "auf new@example.com ge" in told


def test_setting_a_password_asks_for_ones_own_first(page, anna):
    address = f"/admin/crm/user/{anna.pk}/password/"
    answer = page.post(address, {"password": "an entirely new one"}, follow=True)
    assert answer.redirect_chain[-1][0].startswith("/accounts/reauthenticate/")
    page.post("/accounts/reauthenticate/?next=" + address, {"password": PASSWORD}, follow=True)
    anna.refresh_from_db()
    # What was sent before is not kept anywhere: it has to be typed again.
    assert anna.check_password(PASSWORD) and page.post(address, {"password": "an entirely new one"}).status_code == 302
    anna.refresh_from_db()
    assert anna.check_password("an entirely new one")


# --- T10: somebody administers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"is_active": None}, {"role": "sales_rep"}])
def test_t10_the_last_active_administrator_can_neither_be_switched_off_nor_lose_the_role(change, page, ada, roles):
    given = {name: roles[value].pk if value else None for name, value in change.items()}
    UserFactory(is_active=False)  # another one, but switched off
    answer = page.post(f"/admin/crm/user/{ada.pk}/change/", as_shown(ada, **given))
    assert answer.status_code == 422 and "last active administrator" in shown(answer)
    ada.refresh_from_db()
    assert ada.is_active and ada.role.administers
    UserFactory()
    assert page.post(f"/admin/crm/user/{ada.pk}/change/", as_shown(ada, **given)).status_code == 302


def test_t10_the_last_administrators_role_cannot_lose_the_right(page, ada, roles):
    role = roles["administrator"]
    data = {"name_en": role.name_en, "name_de": role.name_de, "see": "all", "edit": "all", "initial-administers": "True"}
    answer = page.post(f"/admin/crm/role/{role.pk}/change/", data)
    role.refresh_from_db()
    assert answer.status_code == 422 and "last active administrator" in shown(answer) and role.administers


@pytest.mark.django_db(transaction=True)
def test_t10_two_administrators_who_switch_each_other_off_at_once_leave_one(lists):
    pair = [UserFactory(), UserFactory()]
    start = threading.Barrier(2)
    refused = []

    def switch_off(mine, other):
        start.wait()
        try:
            users.edit_user(other, {"is_active": False}, by=mine)
        except ValidationError:
            refused.append(other)
        finally:
            connection.close()

    threads = [threading.Thread(target=switch_off, args=each) for each in (pair, pair[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert User.objects.administrators().count() == 1 and len(refused) == 1


@pytest.mark.parametrize("who", ["anna", "mia", "rita"])
def test_t10_nobody_else_changes_users_roles_or_teams(who, request, roles, teams, jan):
    by = request.getfixturevalue(who)
    for attempt in (
        lambda: users.create_user(
            {"username": "x", "email": "x@example.com", "role": roles["administrator"]}, "long enough it is", by=by
        ),
        lambda: users.edit_user(by, {"role": roles["administrator"]}, by=by),
        lambda: users.set_password(jan, "long enough it is", by=by),
        lambda: users.remove_second_factor(jan, by=by),
        lambda: users.save_role(roles["sales_rep"], {"administers": True}, by=by),
        lambda: users.delete_role(roles["sales_rep"], by=by),
        lambda: users.save_team(teams["south"], {"members": [by]}, by=by),
        lambda: users.delete_team(teams["south"], by=by),
        lambda: users.revoke_token(ApiToken(user=jan), by=by),
    ):
        with pytest.raises(PermissionDenied):
            attempt()


def test_fields_that_are_not_offered_are_refused(ada, anna):
    for values in ({"password": "x"}, {"is_superuser": True}, {"date_joined": None}, {"theme": "dark"}):
        with pytest.raises(ValidationError):
            users.edit_user(anna, values, by=ada)


# --- Teams and roles -------------------------------------------------------------------------------------------------------


def test_a_team_gets_a_name_and_members_and_goes_again(page, anna, mia):
    page.post("/admin/crm/team/add/", {"name": " Ost ", "members": [anna.pk, mia.pk]})
    team = Team.objects.get(name="Ost")
    assert set(team.users.all()) == {anna, mia}
    data = {"name": "Ost", "initial-name": "Ost", "members": [mia.pk], "initial-members": [anna.pk, mia.pk]}
    page.post(f"/admin/crm/team/{team.pk}/change/", data)
    assert list(team.users.all()) == [mia]
    assert "1 member, who stays" in shown(page.get(f"/admin/crm/team/{team.pk}/delete/"))
    page.post(f"/admin/crm/team/{team.pk}/delete/")
    assert not Team.objects.filter(pk=team.pk).exists() and User.objects.filter(pk=mia.pk).exists()


@pytest.mark.parametrize("name", ["", "NORD", "x" * 81, "a\x00b"])
def test_a_teams_name_is_checked(name, page, teams):
    assert page.post("/admin/crm/team/add/", {"name": name}).status_code == 422


def test_a_role_is_made_given_and_protected_while_somebody_has_it(page, anna):
    data = {"name_en": "Intern", "name_de": "", "see": "own", "edit": "none", "may_export": "on"}
    assert page.post("/admin/crm/role/add/", data).status_code == 302
    role = Role.objects.get(name_de="Intern")
    assert (role.code, role.see, role.edit, role.may_export, role.may_delete) == ("intern", "own", "none", True, False)
    page.post("/admin/crm/role/add/", data | {"name_en": "Intern!", "name_de": "Praktikum"})
    assert Role.objects.get(name_en="Intern!").code == "intern-1"  # a code of its own
    page.post(f"/admin/crm/user/{anna.pk}/change/", as_shown(anna, role=role.pk))
    answer = page.post(f"/admin/crm/role/{role.pk}/delete/")
    assert answer.status_code == 422 and "1 user has this role" in shown(answer)
    assert not LogEntry.objects.filter(action_flag=DELETION).exists()
    page.post(
        f"/admin/crm/user/{anna.pk}/change/", as_shown(User.objects.get(pk=anna.pk), role=Role.objects.get(code="marketer").pk)
    )
    assert page.post(f"/admin/crm/role/{role.pk}/delete/").status_code == 302 and not Role.objects.filter(pk=role.pk).exists()
    assert LogEntry.objects.get(action_flag=DELETION).object_repr == "Intern"


def test_a_predefined_role_is_changed_but_not_deleted(page, roles):
    answer = page.post(f"/admin/crm/role/{roles['read_only'].pk}/delete/")
    assert answer.status_code == 422 and "belongs to Lotse" in shown(answer)


@pytest.mark.parametrize("given", [{"see": "everything"}, {"edit": ""}, {"name_en": "", "name_de": ""}, {"name_en": "x" * 81}])
def test_a_role_is_checked(given, page):
    data = {"name_en": "Intern", "name_de": "Praktikant", "see": "own", "edit": "none"} | given
    assert page.post("/admin/crm/role/add/", data).status_code == 422


# --- Tokens ------------------------------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_revoked(signed_in, anna):
    answer = signed_in.post("/admin/crm/apitoken/add/", {"user": anna.pk, "name": "Export", "read_only": "on"})
    clear = re.search(r"lotse_[\w-]{40,}", answer.content.decode())[0]
    token = ApiToken.objects.get(digest=ApiToken.hash(clear))
    assert (token.user, token.name, token.read_only) == (anna, "Export", True)
    assert clear not in signed_in.get("/admin/crm/apitoken/").content.decode()
    assert signed_in.post(f"/admin/crm/apitoken/{token.pk}/revoke/").status_code == 302
    token.refresh_from_db()
    assert token.revoked_at
    assert signed_in.get(f"/admin/crm/apitoken/{token.pk}/change/").status_code == 404


def test_making_a_token_asks_for_the_password_first(page, anna):
    answer = page.post("/admin/crm/apitoken/add/", {"user": anna.pk, "name": "Export"})
    assert answer.status_code == 302 and not ApiToken.objects.exists()


def test_a_token_needs_an_active_user_and_a_purpose(signed_in, anna):
    User.objects.filter(pk=anna.pk).update(is_active=False)
    assert signed_in.post("/admin/crm/apitoken/add/", {"user": anna.pk, "name": "Export"}).status_code == 422
    assert not ApiToken.objects.exists()


# --- What happened -----------------------------------------------------------------------------------------------------------


def test_the_log_of_changes_tells_who_what_and_how_and_is_searched(page, anna, mia):
    CompanyFactory(by=anna, name="Nordwind")
    CompanyFactory(by=mia, name="Weserbau")
    everything = shown(page.get("/admin/crm/changeset/"))
    assert "Nordwind" in everything and "Anna Kraft" in everything and "Lotse" in everything
    found = shown(page.get("/admin/crm/changeset/", {"q": "nordwind"}))
    assert "Nordwind" in found and "Weserbau" not in found
    assert "Weserbau" in shown(page.get("/admin/crm/changeset/", {"q": "sommer"}))
    assert "Nordwind" not in shown(page.get("/admin/crm/changeset/", {"via": "import"}))
    assert page.get("/admin/crm/changeset/", {"via": "x"}).status_code == 200
    made = ChangeSet.objects.latest("pk")
    for path in ("add/", f"{made.pk}/change/", f"{made.pk}/delete/"):
        assert page.post(f"/admin/crm/changeset/{path}").status_code == 404


def test_jobs_are_read_only(page, anna):
    job = enqueue(mail_notice, owner=anna, title="Mail to Anna", user_id=anna.pk, what="x", to="a@example.com")
    assert "Mail to Anna" in shown(page.get("/admin/crm/job/?state=ready"))
    assert "Mail to Anna" not in shown(page.get("/admin/crm/job/?state=failed"))
    assert page.post(f"/admin/crm/job/{job.pk}/change/").status_code == 404 and Job.objects.get(pk=job.pk).state == "ready"


def test_a_job_is_found_by_its_title_in_each_language(page, anna):
    enqueue(mail_notice, owner=anna, title=lambda: _("Follow-ups"), user_id=anna.pk, what="x", to="a@example.com")
    enqueue(mail_notice, owner=anna, title="Other", user_id=anna.pk, what="x", to="a@example.com")
    for asked in ("follow-up", "folgeaktivität"):
        found = shown(page.get("/admin/crm/job/", {"q": asked}))
        assert "Follow-ups" in found and "Other" not in found


def test_a_job_of_nobody_is_told_in_words(page):
    nightly = ensure() or Job.objects.get(unique_key="nightly")
    text = shown(page.get("/admin/crm/job/"))
    assert "Nightly housekeeping" in text and nightly.path not in text


@pytest.mark.parametrize("path", ["crm/user/999999/change/", "crm/user/999999/password/", "crm/team/0/change/", "crm/role/x/change/",
                                  "crm/team/999999/delete/", f"crm/user/{'9' * 30}/change/"])  # fmt: skip
def test_what_is_not_there_is_not_found(path, signed_in):
    assert signed_in.get(f"/admin/{path}").status_code == 404


def test_the_overview_says_how_much_there_is(page, anna):
    text = shown(page.get("/admin/"))
    assert f"{LeadStatus.objects.count()} items" in text and "2 active users" in text


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_u3_of_two_who_give_a_new_team_the_same_name_at_once_one_is_told_at_the_field(lists, ada):
    refused = []

    def second():
        try:
            users.save_team(None, {"name": "east "}, by=ada)
        except ValidationError as error:
            refused.append(error.message_dict)

    meanwhile(lambda: users.save_team(None, {"name": "East"}, by=ada), second)
    assert list(refused[0]) == ["name"] and Team.objects.filter(name__iexact="east").count() == 1
